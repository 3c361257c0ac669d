# Methods and spellings: whatever a request is called, the location that nginx
# takes it to decides, and no header speaks for another.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice)], server => <<'END', servers => <<'END2');
        totp on;
        location / { totp off; proxy_pass http://%APP%; }
        location /secret { proxy_pass http://%APP%; }
        location /pub/ { totp off; proxy_pass http://%APP%; }
        location = /exact { totp off; proxy_pass http://%APP%; }
        location ~ ^/rx/pub/ { totp off; proxy_pass http://%APP%; }
        location ~* ^/rx/ { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END
    server {
        listen        127.0.0.1:%PORT_gated%;
        server_name   localhost;
        totp          on;
        location / { proxy_pass http://%APP%; }
        location /pub/ { totp off; proxy_pass http://%APP%; }
        location = /exact { totp off; proxy_pass http://%APP%; }
        location ~ ^/rx/pub/ { totp off; proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen         127.0.0.1:%PORT_slashes%;
        server_name    localhost;
        merge_slashes  off;
        totp           on;
        location / { proxy_pass http://%APP%; }
        location ~ ^/+pub/ { totp off; proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2

my @JSON = (Accept => 'application/json');
my $alice = $t->client->ready('alice');
my $nobody = $t->client;


# Methods.

$t->app->reset;
my $gated = $t->client(port => 'gated');

for my $method (qw(GET HEAD POST PUT DELETE PATCH OPTIONS PROPFIND MKCOL COPY
                   LOCK FOO get Get))
{
    my $r = $gated->request($method, '/secret', headers => [@JSON]);
    my $want = $method =~ /[a-z]/ ? 400 : 401;
    is($r->status, $want, "[attack 68] $method of a gated path: $want");
    is($r->body, '', '[attack 68] HEAD without a body') if $method eq 'HEAD';
}
for my $method (qw(TRACE CONNECT)) {
    for my $path ('/secret', '/2fa/login', '/pub/x') {
        my $s = $gated->request($method, $path)->status;
        ok($s == 405 || $s == 400, "[attack 68] $method $path: $s");
    }
}
for my $page ('', qw(login code settings setup backup-codes disable logout)) {
    for my $method (qw(OPTIONS PUT DELETE PATCH PROPFIND FOO)) {
        my $r = $alice->request($method, "/2fa/$page", headers => [@JSON]);
        is_error($r, 405, 'bad_method', "[attack 68] $method /2fa/$page");
        is($r->header('Allow'), $page =~ /\A(?:|settings)\z/ ? 'GET, HEAD'
           : 'GET, HEAD, POST', "[attack 68] $method /2fa/$page: Allow");
    }
}
my $conn = $gated->connect;
for my $path (qw(/secret /2fa/login /2fa/none /2fa/settings)) {
    for my $accept ('application/json', 'text/html') {
        $conn->send($gated->build('HEAD', $path, keep => 1,
                                  headers => [Accept => $accept])
                    . $gated->build('GET', '/pub/own', keep => 1));
        my $r = $conn->response(head => 1);
        my $get = $gated->get($path, Accept => $accept);
        is($r->status, $get->status, "[attack 68] HEAD $path, $accept: as GET");
        is($r->header('Content-Length'), $get->header('Content-Length'),
           "[attack 68] HEAD $path, $accept: the same length")
            if $path ne '/2fa/login';
        is($conn->response->json->{uri}, '/pub/own',
           "[attack 68] HEAD $path, $accept: in step");
    }
}
$conn->close;
is(scalar(grep { $_->{uri} =~ /secret/ } $t->app->requests), 0,
   '[attack 68] no method reached the application');


# Spellings.  What gets through must be what nginx takes for public: its path,
# normalised as nginx does, is below /pub/, /rx/pub/ or none of the gated ones.

my @spellings = (
    '/app/../secret', '//secret', '///secret', '/./secret', '/%73ecret',
    '/secret%20', '/secret/', '/secret;x=1', '/secret%2f..%2fpub/',
    '/secret/..%2fsecret', '/pub/../secret', '/pub/..%2fsecret', '/pub/%2e%2e/secret',
    '/pub/%2e%2e%2fsecret', '/pub%2f..%2fsecret', '/pub%2f..%2f..%2fsecret',
    '/pub/x/../../secret', '/pub/./../secret', '/pub//../secret',
    '/pub/.%2e/secret', '/secret?x=/pub/', '/secret?/pub/', '/secret#/pub/',
    '/secret%23/pub/', '/secret%3f/pub/', '/%2fsecret', '/%2e/secret',
    '/secret/%2e', '/secret/pub/', '/secret/pub/..', '/secret%0a', '/secret%0d%0a/pub/',
    '/secret%09', '/secret\\..\\pub', '/secret.html', '/%u0073ecret', '/secret%',
    '/secret%00', '/secret%00/pub/', '/pub/%00/../secret', '\\secret', '/../secret',
    '/%2e%2e/secret', '/../../pub/../secret', 'http://localhost/secret',
    'http://localhost/pub/../secret', 'HTTP://LOCALHOST/secret',
    'http://user@localhost/secret', 'secret', '*', 'pub/../secret',
    '/rx/pub/../secret', '/rx/pub/..%2fsecret', '/RX/pub/', '/rx/%70ub/../x',
    '/rx//x', '/rx/x/pub/', '/exact/', '/exact/../secret', '/exact%2f', '/exac%74/x',
    '//pub/../secret', '/pub/../secret?', '/pub/..;/../../secret',
);

for my $port (undef, 'gated', 'slashes') {
    my $c = $t->client(defined $port ? (port => $port) : ());
    my $name = defined $port ? $port : 'public but for /secret';
    my %status;

    $t->app->reset;
    for my $path (@spellings) {
        for my $method (qw(GET POST)) {
            $status{$path} = $c->request($method, $path,
                                         headers => [@JSON])->status;
        }
    }

    for my $q ($t->app->requests) {
        my $path = $q->{uri} =~ s/[?#].*//sr;
        $path =~ s{\Ahttp://[^/]*}{}i;
        $path =~ s/%([0-9a-f]{2})/chr hex $1/gei;
        my @out;
        # (not merged, "/pub//.." is "/pub/": an application that merges must
        # not be behind merge_slashes off, whatever guards it)
        for (split $name eq 'slashes' ? qr{/} : qr{/+}, substr $path, 1) {
            if ($_ eq '..') { pop @out } elsif ($_ ne '.') { push @out, $_ }
        }
        $path = '/' . join '/', @out;
        if (defined $port) {
            like($path, $port eq 'slashes' ? qr{\A/pub(?:/|\z)}
                                           : qr{\A/(?:pub|exact|rx/pub)(?:/|\z)},
                 "[attack 69] $name: only this reached the application: $q->{uri}");
        } else {
            unlike($path, qr{\A/(?:secret|rx/(?!pub/))},
                 "[attack 69] $name: this reached the application: $q->{uri}");
        }
    }
    is(scalar(grep { $_ >= 500 || $_ == 0 } values %status), 0,
       "[attack 69] $name: each spelling has an answer")
        or diag explain \%status;
    is($status{'/secret/'}, 401, "[attack 69] $name: /secret/");
    is($status{'/pub/..%2fsecret'}, 401, "[attack 69] $name: /pub/..%2fsecret");
}
is($nobody->get_json('/SECRET')->status, 200,
   '[attack 69] where locations know capitals, so does the gate');
is($gated->get_json('/SECRET')->status, 401, '[attack 69] which is why all is gated');


# Nothing that a client says about where it goes, who it is or where it comes
# from opens anything.

$t->app->reset;
for my $h (['X-Forwarded-Uri', '/pub/'], ['X-Original-URL', '/pub/'],
           ['X-Rewrite-URL', '/pub/'], ['X-Original-URI', '/pub/x'],
           ['X-Forwarded-Path', '/pub/'], ['X-Forwarded-Prefix', '/pub'],
           ['X-Forwarded-For', '127.0.0.1'], ['X-Real-IP', '127.0.0.1'],
           ['Forwarded', 'for=127.0.0.1;host=localhost'], ['X-Forwarded-Host', 'localhost'],
           ['User-Agent', 'GoogleHC/1.0'], ['User-Agent', 'kube-probe/1.27'],
           ['User-Agent', 'ELB-HealthChecker/2.0'], ['X-HTTP-Method-Override', 'GET'],
           ['X-Forwarded-User', 'alice'], ['X-Totp-User', 'alice'],
           ['X-Auth-Request-User', 'alice'], ['Remote-User', 'alice'],
           ['Authorization', 'Basic ' . b64('alice:' . $t->password('alice'))],
           ['Authorization', 'Bearer ' . $alice->cookie],
           ['X-Accel-Redirect', '/pub/x'], ['Upgrade', 'h2c'],
           ['Referer', 'http://localhost/2fa/login'], ['Host', 'evil.example'],
           ['Proxy-Authorization', 'Basic ' . b64('alice:' . $t->password('alice'))],
           ['Purpose', 'prefetch'], ['Sec-Purpose', 'prefetch'],
           ['Origin', 'http://localhost'],
           ['Access-Control-Request-Method', 'GET'])
{
    my $r = $gated->request('GET', '/api?x=/pub/status', headers => [@JSON, @$h]);
    is_error($r, 401, 'login_required', "[attack 70] $h->[0]: $h->[1]");
    is($gated->request('OPTIONS', '/api', headers => [@$h])->status, 401,
       "[attack 70] OPTIONS, $h->[0]");
}
for my $query ('?totp=' . $alice->cookie, '?totp_user=alice', '?user=alice',
               '?/../pub/', '?token=' . $alice->cookie, '?username=alice&password='
               . $t->password('alice'), ';totp=' . $alice->cookie)
{
    is_error($gated->get_json("/api$query"), 401, 'login_required',
             "[attack 70] in the address: " . substr $query, 0, 14);
}
is($t->app->hits, 0, '[attack 70] nothing of it reached the application');

$t->finish;

done_testing;
