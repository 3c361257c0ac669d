# What a visitor sends never becomes markup, in whatever place it comes back:
# names, next, paths, headers, codes.  And the pages with secrets: what is in
# their addresses, and that nothing on the way keeps or compresses them.

use Totp::Test;

my @evil = (
    '"><script>alert(1)</script>', "'><script>alert(1)</script>", "' onfocus=alert(1) x='",
    '" onfocus="alert(1)" x="', '</title><b>x</b>', '</script><script>alert(1)</script>',
    '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '&lt;script&gt;', '&#60;b&#62;', '&quot;',
    '<!--', '-->', ']]>', '<![CDATA[', '{{csrf}}', '{{#if x}}', '{{{user}}}', '${7*7}', '<%= 7*7 %>',
    '`x`', '\\"', '\\u003cscript\\u003e', '%3Cscript%3E', '<base href=//evil.example>',
    '<meta http-equiv=refresh content=0>', "\xc2\xab<\xe2\x80\xaex", '"', "'", '<', '>', '&', '/*', '*/',
    '</form><form action=//evil.example>', '<input name=csrf value=x>', "\xf0\x9f\x92\xa9<b>",
    '<' x 250, '"' x 255, '&' x 255,
);
my %odd = ("a&secret=AAAA&issuer=Evil" => 1, 'a?b#c' => 1, 'x/../y' => 1, '100%' => 1, '%41' => 1,
           "o'b \"c\"" => 1, "\xc3\xa9mile" => 1, 'a b' => 1, '{x}' => 1, 'a=b;c' => 1, 'a+b' => 1,
           'a@b.example' => 1, '~_-.' => 1, 'otpauth' => 1, "\xe6\xbc\xa2" => 1);

# Some of them are names of users; a name in the file holds no colon.

my %users = map { ($_ => 'pw-' . random_hex(8)) }
            'plain', (grep { !/:/ } @evil[0 .. 9, 15, 20, 24, 26, 30 .. 38]), keys %odd;

my $t = Totp::Test->new(users => \%users, http => "totp_attempts 100 5m;\n" . <<'END',
    gzip             on;
    gzip_min_length  1;
    gzip_types       *;
    gzip_proxied     any;
    gzip_vary        on;
END
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_issuer%;
        server_name  localhost;
        totp         on;
        totp_issuer  $http_x_issuer;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my @HTML = (Accept => 'text/html');


# The tags of a page with the names of their attributes, text left out: what was
# sent must not change it.

sub skeleton {
    my ($html) = @_;

    my @out;
    while ($html =~ m{<(!--|[/!]?[a-z][a-z0-9]*)((?:\s+[^\s=>"]+(?:="[^"]*")?)*)\s*/?>|(<)}gi) {
        if (defined $3) { push @out, 'a bare <'; next }
        my ($tag, $rest) = (lc $1, $2);
        my @attr = $rest =~ /([^\s=>"]+)(?:="[^"]*")?/g;
        push @out, join ' ', $tag, @attr;
    }

    return join "\n", @out;
}

is(skeleton('<p class="a">x</p><br>'), "p class\n/p\nbr", 'tags and attributes');
like(skeleton('<p class="a" x=\'">'), qr/a bare </, 'what is none of ours shows');

sub valid_utf8 { my ($s) = @_; return utf8::decode($s) }

# A page that may name what was sent, against the same with a harmless word.

sub harmless {
    my ($name, $r, $plain, $evil) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @bad;
    push @bad, 'status ' . $r->status . ' for ' . $plain->status if $r->status != $plain->status;
    push @bad, 'other tags' if skeleton($r->body) ne skeleton($plain->body);
    push @bad, 'as it was sent' if $evil =~ /[<>"]/ && length $evil > 1
        && index($r->body, $evil) >= 0 && index($plain->body, $evil) < 0;
    push @bad, 'no type' if ($r->header('Content-Type') || '') ne 'text/html; charset=utf-8';
    push @bad, 'no UTF-8' unless valid_utf8($r->body);
    push @bad, "a ' or \" of it is open"
        if $evil =~ /['"]/ && $r->body =~ /\Q$evil\E/ && length $evil > 1;
    push @bad, 'in a header' if index($r->{head}, $evil) >= 0 && $evil =~ /[<"]/ && length $evil > 2;
    is_deeply(\@bad, [], $name) or diag substr $r->body, 0, 200;
    return;
}


# Typed at the sign-in, in each of its fields.

my @bytes = ("\xff", "a\xc3", "\xc0\xbcscript\xc0\xbe", "\xe0\x80\xbcb", "\xed\xa0\x80", "\xf8\x88\x80\x80\xbc",
             "\xc2\"", "\xe2\x80<b>", 'x' x 300, 'x' x 6000, "\x01\x1b[0m", "a\nb", "\x7f", "\xc2\x85");
my $c = $t->client;
$c->page('login');
my $n = 0;
my $form = sub {
    my (%o) = @_;
    return $c->request('POST', '/2fa/login', headers => [@HTML], form => [
        [csrf => $c->{csrf}], [username => 'nobody'], [password => 'wrong-word'],
    ]) if !%o;
    $c->{ip} = fresh_ip();
    return $c->request('POST', '/2fa/login', headers => [@HTML], form => [
        [csrf => $o{csrf} // $c->{csrf}], [username => $o{username} // 'nobody-' . ++$n],
        [password => $o{password} // 'wrong-word'], [next => $o{next}],
        ($o{field} ? [$o{field} => 'x'] : ())]);
};
my $plain = $form->();
my $none = $form->(username => '');
my %not_a_name = map { ($_ => 1) } @bytes;
my $next = $form->(next => '/plain');
my $csrf = $form->(csrf => 'plain');
is($plain->status . ' ' . $next->status . ' ' . $csrf->status, '401 401 403', 'pages to compare with');

for my $evil (@evil, @bytes) {
    my $name = substr $evil =~ s/[^ -~]/?/gr, 0, 30;
    # what cannot be a name is not shown again
    harmless("[attack 55] user name $name", $form->(username => $evil),
             $not_a_name{$evil} ? $none : $plain, $evil);
    harmless("[attack 55] password $name", $form->(password => $evil), $plain, $evil)
        if length $evil < 400;
    harmless("[attack 55] token $name", $form->(csrf => $evil), $csrf, $evil);
    harmless("[attack 55] a field called $name", $form->(field => $evil), $plain, $evil);
    # next is kept where it may be, and is a field of the form then
    my $r = $form->(next => "/$evil");
    harmless("[attack 55] next $name", $r, defined $c->hidden($r->body, 'next') ? $next : $plain,
             $evil);
}


# As the name of somebody who signs in: on every page, in JSON, and on the wire
# to the application.

sub pages {
    my ($user) = @_;
    my $c = $t->client(ip => fresh_ip());
    my %page;
    my $r = $c->login($user);
    is($r->stage, 'full', '[attack 55] signs in: ' . ($user =~ s/[^ -~]/?/gr)) or diag $r->body;
    my $got = $r->json->{user};
    utf8::encode($got) if utf8::is_utf8($got);
    is($got, $user, '[attack 55] JSON gives the name as it is');
    $page{$_} = $c->get_html("/2fa/$_") for qw(login settings setup logout nothing);
    my $e = $c->enroll($user);
    $page{"$_ then"} = $c->get_html("/2fa/$_") for qw(settings setup disable backup-codes code);
    $page{'bad code'} = $c->post_html('/2fa/code', { code => '1' });
    $page{'bad token'} = $c->post_html('/2fa/disable', { csrf => 'x' });
    my $half = $t->client(ip => fresh_ip());
    $half->login($user);
    $page{'code page'} = $half->get_html('/2fa/code');
    $page{'refused'} = $half->post_html('/x', { a => 1 });
    return (\%page, $e);
}

my ($want) = pages('plain');
my %label;
for my $user (sort keys %users) {
    next if $user eq 'plain';
    my $name = substr $user =~ s/[^ -~]/?/gr, 0, 30;
    my ($page, $e) = pages($user);
    $label{$user} = $e->{otpauth};
    for my $p (sort keys %$want) {
        # the picture differs with what is in it
        my @two = map { my %copy = %$_; $copy{body} =~ s{<svg\b.*?</svg>}{}s; bless \%copy, ref $_ }
                  $page->{$p}, $want->{$p};
        harmless("[attack 55] $p of $name", @two, $user);
    }
}


# Its otpauth address: one secret, one issuer, the name in the label whole.

sub parts {
    my ($uri) = @_;
    my ($label, $query) = $uri =~ m{\Aotpauth://totp/([^?#/]*)\?([^?#]*)\z} or return ();
    my @pairs = map { [ split /=/, $_, -1 ] } split /&/, $query;
    return (label => uri_unescape($label =~ s/\+/%2B/gr),
            names => join(' ', map { $_->[0] } @pairs),
            sizes => join(' ', map { scalar @$_ } @pairs),
            map { ("q_$_->[0]" => uri_unescape($_->[1] =~ s/\+/%2B/gr)) } @pairs);
}

for my $user (sort keys %label) {
    my $name = substr $user =~ s/[^ -~]/?/gr, 0, 30;
    my %p = parts($label{$user});
    is($p{names}, 'secret issuer algorithm digits period', "[attack 42] $name: each once")
        or diag $label{$user};
    is($p{sizes}, '2 2 2 2 2', "[attack 42] $name: with one value");
    is($p{label}, "Example Corp:$user", "[attack 42] $name: the label");
    unlike($label{$user}, qr/[^!-~]|["'<>`\\{}|^]/, "[attack 42] $name: plain characters");
}
# The issuer is the operator's, and is escaped likewise.

{
    my $fresh = 'issuer-' . random_hex(4);
    $t->htpasswd($fresh => '{PLAIN}issuer-word');
    my $c = $t->client(port => 'issuer');
    ok(wait_until(sub { $c->{ip} = fresh_ip(); $c->login($fresh, 'issuer-word')->status == 200 },
                  10, 0.3), 'somebody who has not enrolled');
    for my $issuer ('A:B', 'A & B', 'a?b=c', 'x/y', '50%', '"q"', "'s", "\xc3\xa9", '&secret=AAAA',
                    'Evil&issuer=Other', '#', 'a+b', '<b>', '%41', 'A;B=C, D')
    {
        my $uri = $c->page('setup', 'X-Issuer' => $issuer, 'X-Forwarded-Host' => 'evil.example',
                           Host => 'evil.example', Forwarded => 'host=evil.example')->json->{otpauth};
        my %p = parts($uri);
        is("$p{names}, $p{sizes}", 'secret issuer algorithm digits period, 2 2 2 2 2',
           "[attack 42] issuer $issuer: each once") or diag $uri;
        is($p{q_issuer}, $issuer, "[attack 42] issuer $issuer: as it is");
        is($p{label}, "$issuer:$fresh", "[attack 42] issuer $issuer: in the label");
        unlike($uri, qr/evil\.example/, "[attack 42] issuer $issuer: never the Host");
    }
    my $page = $c->get_html('/2fa/setup', 'X-Issuer' => '"><script>alert(1)</script>');
    unlike($page->body, qr/<script>/, '[attack 55] an issuer of markup');
    $plain = $c->get_html('/2fa/setup', 'X-Issuer' => 'plain');
    s{<svg\b.*?</svg>}{}s for $page->{body}, $plain->{body};
    is(skeleton($page->body), skeleton($plain->body), '[attack 55] is text');
}


# Paths, queries and headers are not reflected at all.

my $nobody = $t->client;
my @where = (['path', sub { ('/2fa/' . uri_escape($_[0])) }],
    ['path, raw', sub { '/2fa/' . $_[0] =~ s/[\x00-\x20\x7f-\xff#?]/-/gr }],
    ['query', sub { '/2fa/login?' . uri_escape($_[0]) . '=' . uri_escape($_[0]) }],
    ['asset', sub { '/2fa/style-' . uri_escape($_[0]) . '.css' }],
    (map { my $h = $_; [$h, sub { ('/2fa/login', $h => $_[0] =~ s/[\x00-\x1f\x7f]/-/gr) }] }
     'Referer', 'User-Agent', 'X-Forwarded-Host', 'X-Forwarded-For', 'Accept-Language', 'Origin',
     'X-Original-URL', 'X-Forwarded-Proto', 'Cookie', 'From', 'X-Requested-With'),
    ['the gate', sub { ('/x', Referer => 'javascript:alert(1)//' . $_[0] =~ s/[\x00-\x1f\x7f]/-/gr) }]);
for my $w (@where) {
    my ($what, $make) = @$w;
    my %by;
    for my $evil ('javascript:alert(1)//', @evil[0 .. 6, 24, 34]) {
        my ($path, @h) = $make->($evil);
        my $r = $nobody->request('GET', $path, cookies => 0, headers => [@HTML, @h]);
        my ($same, @hh) = $make->('plain');
        my $p = $nobody->request('GET', $same, cookies => 0, headers => [@HTML, @hh]);
        my @bad = grep { index($r->body . $r->{head}, $_) >= 0 } $evil, 'alert(1)', 'evil.example';
        push @bad, 'other tags' if $r->status == $p->status && skeleton($r->body) ne skeleton($p->body);
        $by{$evil} = "@bad" if @bad;
    }
    is_deeply(\%by, {}, "[attack 56] $what: not reflected") or diag explain \%by;
}


# Pages with secrets: nothing keeps, cuts or compresses them.

my $s = $t->client(ip => fresh_ip());
$s->login('~_-.');
$s->code($t->otp('~_-.')->next_code);
$s->page('setup');
for my $page (qw(login code settings setup backup-codes disable logout)) {
    my $whole = $s->get_html("/2fa/$page");
    for my $h (['Accept-Encoding' => 'gzip, deflate, br'], [Range => 'bytes=0-10'],
               ['If-None-Match' => '*'], ['If-Modified-Since' => 'Sun, 06 Nov 2033 08:49:37 GMT'],
               ['If-Match' => '"x"'], ['If-Unmodified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT'],
               ['If-Range' => 'x', Range => 'bytes=5-'], ['Cache-Control' => 'only-if-cached'])
    {
        my $r = $s->get_html("/2fa/$page", @$h);
        is($r->status . ' ' . length $r->body, '200 ' . length $whole->body,
           "[attack 41] $page, $h->[0]: whole");
        is_deeply([ grep { defined } map { $r->header($_) } qw(Content-Encoding ETag Last-Modified
                  Accept-Ranges Content-Range Expires Age) ], [], "[attack 41] $page, $h->[0]: as it is")
            or diag $r->{head};
        is($r->header('Cache-Control'), 'no-store', "[attack 41] $page, $h->[0]: no-store");
    }
    is($whole->header('Referrer-Policy'), 'same-origin', "[attack 41] $page: no address goes elsewhere");

    my $conn = $s->connect;
    $conn->send("GET /2fa/$page HTTP/1.0\r\nAccept: text/html\r\nCookie: " . $s->cookie_header . "\r\n\r\n");
    my $old = $conn->response;
    $conn->close;
    is($old->status . ' ' . ($old->header('Cache-Control') || ''), '200 no-store',
       "[attack 41] $page: HTTP/1.0");
}
my $json = $s->get_json('/2fa/setup', 'Accept-Encoding' => 'gzip');
is($json->header('Content-Encoding'), undef, '[attack 41] JSON neither');
like($t->client->get('/2fa/nothing.css', 'Accept-Encoding' => 'gzip')->{head}, qr/404/, 'no asset');
is($s->get('/x?text=' . 'a' x 500, 'Accept-Encoding' => 'gzip')->header('Content-Encoding'), 'gzip',
   'while this server does compress what an application says');

# A proxy in front that keeps whatever it may.

my $back = $t->node->port;
$t->add_node('front', bare => 1, servers => '',
    http => "proxy_cache_path %PREFIX%/cache keys_zone=c:1m;", server => <<"END")->start;
        location / {
            proxy_pass         http://127.0.0.1:$back;
            proxy_set_header   Host \$http_host;
            proxy_cache        c;
            proxy_cache_valid  any 10m;
            proxy_cache_key    \$request_uri;
            add_header         X-Cache \$upstream_cache_status always;
        }
END
my $front = $s->clone(port => $t->node('front')->port, host => $s->{host});
$front->get('/x?text=kept&h=Cache-Control:%20max-age%3D60') for 1 .. 2;
is($front->get('/x?text=kept&h=Cache-Control:%20max-age%3D60')->header('X-Cache'), 'HIT',
   'it keeps what an application says it may');
my $kept = () = glob "$t->{dir}/front/cache/*";
my $first = $front->get_json('/2fa/setup');
my $secret = $first->json->{secret};
like($secret, qr/^[A-Z2-7]{32}$/, '[attack 41] behind a cache: the page');
for my $page (qw(setup backup-codes settings login)) {
    $front->get_json("/2fa/$page") for 1 .. 2;
    my $r = $front->get_json("/2fa/$page");
    isnt($r->header('X-Cache'), 'HIT', "[attack 41] behind a cache: $page is not kept");
    my $other = $nobody->clone(port => $front->{port}, jar => {});
    $r = $other->get_json("/2fa/$page");
    unlike($r->body, qr/$secret|"user":"~_/, "[attack 41] behind a cache: $page is not another's");
    isnt($r->header('X-Cache'), 'HIT', "[attack 41] behind a cache: nor comes from there");
}
is(scalar(my @now = glob "$t->{dir}/front/cache/*"), $kept, '[attack 41] it has kept no page');
unlike($t->node->access_log, qr/secret=|otpauth|$secret/, '[attack 41] no address had it');

$t->finish;

done_testing;
