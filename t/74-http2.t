# HTTP/2: many visitors on one connection, streams that are given up, crumbs of
# cookies, two names of a host, forms.

use Totp::Test;
use Totp::Http2;

my $t = Totp::Test->new(users => [qw(alice bob)],
    http => "totp_attempts 50 5m;\n    totp_redis_timeout 3s;",
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_h2% http2;
        server_name  localhost;
        totp         on;
        location / { proxy_pass http://%APP%;
                     proxy_set_header X-Forwarded-User $totp_user; }
        location /2fa/ { totp_portal; }
        location /ping { totp off; proxy_pass http://%APP%; }
    }
    server {
        listen             127.0.0.1:%PORT_relative% http2;
        server_name        localhost;
        absolute_redirect  off;
        totp               on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my $port = $t->node->port('h2');
my $alice = $t->client->ready('alice');
my $bob = $t->client;
$bob->login('bob');
my $half = $t->client;
$half->login('alice');
my @JSON = (accept => 'application/json');
my @FORM = ('content-type' => 'application/x-www-form-urlencoded');

sub h2 { return Totp::Http2->new(port => $port, @_) }

sub user_of {
    my ($answer) = @_;
    my ($user) = map { $_->[1] } grep { lc $_->[0] eq 'x-forwarded-user' }
                 @{ $answer->{json}{headers} || [] };
    return "$answer->{status} " . ($answer->{json}{error} || $user || '');
}


# A hundred streams at once on one connection, by turns of five visitors.

my @who = (
    ['200 alice', cookie => $alice->cookie_header],
    ['401 login_required'],
    ['401 setup_required', cookie => $bob->cookie_header],
    ['401 code_required', cookie => $half->cookie_header],
    ['401 login_required', cookie => 'totp=' . substr($alice->cookie, 0, -2) . 'AA'],
);
my $h2 = h2();
my (@streams, @want);
my $out = '';
for my $i (0 .. 99) {
    my ($want, @cookie) = @{ $who[$i % @who] };
    my ($stream, $bytes) = $h2->build($i % 3 ? 'GET' : 'POST', "/x$i",
        headers => [@JSON, @cookie], ($i % 3 ? () : (body => "b$i" x 500)));
    push @streams, $stream;
    push @want, $want;
    $out .= $bytes;
}
$h2->send($out);
my @got = $h2->answers(@streams);
is_deeply([ map { user_of($_) } @got ], \@want,
          '[attack 79] [attack 80] a hundred streams at once, each its own');
is(scalar(grep { $got[$_]{status} == 200
                 && $got[$_]{json}{uri} ne "/x$_" } 0 .. 99), 0,
   '[attack 79] and its own address');
$h2->close;


# Crumbs of cookies.

$h2 = h2();
my $c = $alice->cookie;
for my $case (
    ['200 alice', 'in the middle', 'a=1', "totp=$c", 'b=2'],
    ['200 alice', 'with another', "a=1; totp=$c; b=2", 'c=3'],
    ['401 login_required', 'twice', "totp=$c", "totp=$c"],
    ['401 login_required', 'twice, one forged', 'totp=x', "totp=$c"],
    ['401 login_required', 'twice, the other forged', "totp=$c", 'totp=x'],
    ['401 login_required', 'cut in two', 'totp=' . substr($c, 0, 40), substr($c, 40)],
    ['401 login_required', 'capitals', "TOTP=$c"],
    ['200 alice', 'an empty one', '', "totp=$c", ''],
) {
    my ($want, $name, @crumb) = @$case;
    $t->app->reset;
    my $r = $h2->get('GET', '/x', headers => [@JSON, map { (cookie => $_) } @crumb]);
    is(user_of($r), $want, "[attack 79] crumbs: $name");
    next if $r->{status} != 200;
    my $raw = join '', map { $_->{raw} } $t->app->requests;
    unlike($raw, qr/totp=/, "[attack 79] crumbs: $name: ours is taken out");
    for (grep { $_ ne '' && !/totp/ } @crumb) {
        like($raw, qr/\Q$_/, "[attack 79] crumbs: $name: $_ stays");
    }
}


# Names of the host: no Location has any.

my $curl = tool('curl');

sub curl {
    my ($port, $path, @args) = @_;
    open my $fh, '-|', $curl, '-si', '--http2-prior-knowledge', '--max-time', 20,
         @args, "http://127.0.0.1:$port$path" or die "curl: $!";
    local $/;
    return scalar <$fh>;
}

for my $on (['h2', 'on'], ['relative', 'off']) {
    my ($name, $absolute) = @$on;
    my $port = $t->node->port($name);
    for my $host ('evil.example', 'localhost', '[::1]', 'evil.example:80') {
        my $head = curl($port, '/x?y', '-H', 'Accept: text/html', '-H', "Host: $host");
        like($head, qr{^location: /2fa/login\?next=%2Fx%3Fy\r$}m,
             "[attack 79] :authority $host, absolute_redirect $absolute");
    }
}
for my $case ([host => 'evil.example'], ['x-forwarded-host' => 'evil.example']) {
    my $r = $h2->get('GET', '/2fa/login', headers => [accept => 'text/html', @$case]);
    ok($r->{status} == 200 || $r->{status} == 400,
       "[attack 79] $case->[0] beside :authority: $r->{status}");
    unlike($r->{body}, qr/evil/, "[attack 79] $case->[0]: does not come back");
}
for my $path ('//secret', '/pub/../secret', '/ping/../secret', '/ping%2f..%2fsecret') {
    is($h2->get('GET', $path, headers => [@JSON])->{status}, 401,
       "[attack 79] [attack 69] $path");
}
for my $path ('', '*', 'secret', 'http://localhost/secret') {
    my $r = h2()->get('GET', $path, headers => [@JSON]);
    ok($r->{status} != 200, "[attack 79] :path '$path': $r->{status}");
}
for my $method (qw(CONNECT TRACE get)) {
    my $r = h2()->get($method, '/secret', headers => [@JSON]);
    ok($r->{status} != 200, "[attack 79] [attack 68] :method $method: $r->{status}");
}


# Forms.

sub login_form {
    my $c = $t->client(ip => fresh_ip());
    $c->page('login');
    return ($c, form_encode([[username => 'bob'], [csrf => $c->{csrf}],
                             [password => $t->password('bob')]]));
}

for my $piece (16_000, 7, 1) {
    my ($c, $form) = login_form();
    my $r = h2()->get('POST', '/2fa/login', body => $form, piece => $piece,
                      headers => [@JSON, @FORM, cookie => $c->cookie_header]);
    is($r->{json}{stage}, 'full', "[attack 79] [attack 62] a form in frames of $piece");
}
{
    my ($c, $form) = login_form();
    my @cookie = (cookie => $c->cookie_header);
    my $h2 = h2();
    for my $case (
        [413, 'too_large', 'too long', @FORM, body => "$form&x=" . 'x' x 30_000],
        [413, 'too_large', 'a length of 10 GB', @FORM,
         'content-length' => 10_000_000_000, body => $form, more => 1],
        [415, 'bad_type', 'another type', 'content-type' => 'text/plain', body => $form],
        [415, 'bad_type', 'no type, no body'],
        [403, 'bad_csrf', 'no body', @FORM],
        [403, 'bad_csrf', 'an empty body', @FORM, body => ''],
        [400, 'bad_request', 'a field twice', @FORM, body => "$form&username=x"],
        [405, 'bad_method', 'another method', method => 'PUT', body => $form],
    ) {
        my ($status, $word, $name, @rest) = @$case;
        my %o;
        my @h;
        while (my ($k, $v) = splice @rest, 0, 2) {
            if ($k =~ /\A(?:body|more|method)\z/) { $o{$k} = $v }
            else { push @h, $k, $v }
        }
        my $method = delete $o{method} || 'POST';
        my $r = $h2->get($method, '/2fa/login', headers => [@JSON, @h, @cookie], %o);
        is("$r->{status} " . ($r->{json}{error} || ''), "$status $word",
           "[attack 79] [attack 67] a form: $name");
        is(user_of($h2->get('GET', '/y', headers => [@JSON, cookie => "totp=$alice->{jar}{totp}"])),
           '200 alice', "[attack 79] a form: $name: and the connection goes on");
    }
}


# Streams that are given up: at once, and while Redis is asked.

$t->client(ip => fresh_ip())->login('bob') for 1 .. 4;
h2()->get('GET', '/ping', headers => [@JSON]) for 1 .. 4;
my @workers = $t->node->workers;
my $before = $t->settled;

my @jobs = (
    ['GET', '/x', headers => [@JSON, cookie => $alice->cookie_header]],
    ['GET', '/2fa/settings', headers => [@JSON, cookie => $alice->cookie_header]],
    ['GET', '/2fa/setup', headers => [@JSON, cookie => $bob->cookie_header]],
    ['POST', '/2fa/code', headers => [@JSON, @FORM, cookie => $half->cookie_header],
     body => 'code=123456&csrf=' . uri_escape($half->{csrf})],
    ['POST', '/2fa/code', headers => [@JSON, @FORM, cookie => $half->cookie_header],
     body => 'code=1', more => 1],
    do { my ($c, $form) = login_form();
         ['POST', '/2fa/login', body => $form,
          headers => [@JSON, @FORM, cookie => $c->cookie_header]] },
    ['GET', '/2fa/login', headers => [@JSON]],
    ['GET', '/y', headers => [@JSON]],
);

my $given_up = 0;
for my $frozen (0, 1) {
    $t->redis->freeze if $frozen;
    for my $round (1 .. 8) {
        my $h2 = h2();
        my (@reset, $out);
        for my $i (1 .. 64) {
            my ($stream, $bytes) = $h2->build(@{ $jobs[$i % @jobs] });
            $given_up++;
            if ($frozen) { $out .= $bytes; push @reset, $stream }
            else { $out .= $bytes . $h2->reset($stream) }
        }
        $h2->send($out);
        nap(0.02) if $frozen;
        $h2->send(join '', map { $h2->reset($_) } @reset) if $round % 3;
        if ($round % 2) {
            is($h2->get('GET', '/ping', headers => [@JSON])->{status}, 200,
               "[attack 79] 64 streams given up: the connection goes on")
                if !$frozen;
        }
        $h2->close;
    }
    $t->redis->thaw if $frozen;
}
cmp_ok($given_up, '>', 1000, '[attack 79] a thousand streams were given up');
is_deeply([ $t->node->workers ], \@workers, '[attack 79] the workers are the same');
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('bob')->status == 200 }, 10, 0.2),
   '[attack 79] and all is well');
my $after = $t->settled(fd => $before->{fd} + 2, clients => $before->{clients});
cmp_ok($after->{fd}, '<=', $before->{fd} + 2, '[attack 79] descriptors go back');
cmp_ok($after->{clients}, '<=', $before->{clients}, '[attack 79] so do clients of Redis');

$t->finish;

done_testing;
