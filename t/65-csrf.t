# Requests that another site makes a browser send: without the token, with one
# from elsewhere, by other methods, from other origins, in other shapes, in a
# frame, across origins.  None of them changes anything.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob mallory)],
    http => 'totp_attempts 100 5m;', servers => <<'END');
    server {
        listen         127.0.0.1:%PORT_three%;
        server_name    localhost;
        totp           on;
        totp_attempts  3 1h;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
my $redis = $t->redis;
my @JSON = (Accept => 'application/json');
my $FORM = 'application/x-www-form-urlencoded';

my $alice = $t->client->ready('alice');
my $half = $t->client;
$half->login('alice');
my $visitor = $t->client;
$visitor->page('login');
my $mallory = $t->client->ready('mallory');
my $new = Totp::Otp->from_uri($alice->page('setup')->json->{otpauth}, skew => 3);

# Each form as its owner would send it, so that the token alone is missing.

my @forms = (
    ['login', $visitor, { username => 'bob', password => $t->password('bob') }],
    ['code', $half, { code => $t->otp('alice')->code_off(1) }],
    ['code', $alice, { code => $t->otp('alice')->code_off(1) }],
    ['setup', $alice, { code => $new->code_off(0) }],
    ['backup-codes', $alice, {}],
    ['backup-codes', $alice, { more => 1 }],
    ['disable', $alice, {}],
    ['logout', $alice, {}],
    ['logout', $alice, { everywhere => 1 }],
    ['logout', $half, {}],
    ['logout', $visitor, {}],
);

# All that Redis knows of them, but for times that run.

sub state {
    my @all;
    for my $key (sort grep { !/tries|store/ } $redis->keys) {
        my $type = $redis->cmd('TYPE', $key);
        my $v = $type eq 'hash' ? { @{ $redis->cmd('HGETALL', $key) } }
            : $type eq 'list' ? $redis->cmd('LRANGE', $key, 0, -1)
            : $type eq 'string' ? $redis->cmd('GET', $key)
            : $type eq 'stream' ? $redis->cmd('XLEN', $key) : $type;
        push @all, [$key, $v];
    }
    return \@all;
}

my $before = state();
my $bare = sub { my ($form) = @_; return [ map { [$_, $form->{$_}] } sort keys %$form ] };

sub unchanged {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply(state(), $before, "$name: nothing was changed");
    through($alice->get('/x'), "$name: alice is still in");
}

sub refused_csrf {
    my ($name, $c, $page, %o) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $r = $c->request('POST', "/2fa/$page", headers => [@JSON, @{ $o{headers} || [] }],
        (defined $o{body} ? (body => $o{body}) : (form => $o{form})));
    is_error($r, $o{status} || 403, $o{word} || 'bad_csrf', $name);
    is($r->header('Set-Cookie'), undef, "$name: no cookie") if $r->header('Set-Cookie');
    return;
}


# The token.

my %late;
{
    my $c = $t->client;
    $c->page('login');
    $late{before} = $c->{csrf};
    $c->login('mallory');
    $late{half} = $c->{csrf};
    $late{cookie} = $c->cookie;
}

for my $form (@forms) {
    my ($page, $c, $fields) = @$form;
    my $own = $c->{csrf};
    my $name = "[attack 43] $page" . join('', map { " $_" } sort keys %$fields);
    my %token = (
        'none' => undef, 'empty' => '', "another user's" => $mallory->{csrf},
        "another session's" => $c == $half ? $alice->{csrf} : $half->{csrf},
        "a visitor's" => $late{before}, 'that of a stage before' => $late{half},
        'the cookie itself' => $c->cookie, "another's cookie" => $late{cookie},
        'one letter less' => substr($own, 0, -1), 'one more' => "${own}A",
        'padded' => "$own=", 'in capitals' => uc $own, 'blank before' => " $own",
        'noughts' => 'A' x length $own, 'null' => 'null', 'long' => $own x 50,
    );
    for my $which (sort keys %token) {
        next if ($token{$which} // '') eq $own;
        refused_csrf("$name, $which", $c, $page,
                     form => [@{ $bare->($fields) }, [csrf => $token{$which}]]);
    }
    my $esc = uri_escape($own);
    refused_csrf("$name, in the query", $c, "$page?csrf=$esc", form => $bare->($fields));
    refused_csrf("$name, all in the query", $c, "$page?csrf=$esc&" . form_encode($fields),
                 form => []);
    refused_csrf("$name, as a header", $c, $page, form => $bare->($fields),
        headers => [map { ($_ => $own) } 'X-CSRF-Token', 'X-XSRF-TOKEN', 'csrf', 'X-Csrf']);
    refused_csrf("$name, as a cookie", $c, $page, form => $bare->($fields),
        headers => [Cookie => $c->cookie_header . "; csrf=$own; XSRF-TOKEN=$own"]);
    refused_csrf("$name, twice", $c, $page, status => 400, word => 'bad_request',
        form => [@{ $bare->($fields) }, [csrf => $own], [csrf => $own]]);
    refused_csrf("$name, as $_", $c, $page, form => [@{ $bare->($fields) }, [$_ => $own]])
        for 'CSRF', 'csrf[]', 'csrf ', 'csrf_token', '_csrf', 'token';
}
unchanged('[attack 43] wrong tokens');


# Other methods, and methods in disguise.

for my $form (@forms) {
    my ($page, $c, $fields) = @$form;
    my $query = form_encode([[csrf => $c->{csrf}], @{ $bare->($fields) }]);
    for my $method (qw(GET HEAD)) {
        for my $o ([], ['X-HTTP-Method-Override' => 'POST'], ['X-HTTP-Method' => 'POST'],
                   ['X-Method-Override' => 'POST'])
        {
            my $r = $c->request($method, "/2fa/$page?$query&_method=POST", headers => [@JSON, @$o]);
            ok($r->status == 200, "[attack 43] $method $page @$o: is but a page") or diag $r->{head};
        }
        my $r = $c->request($method, "/2fa/$page", body => $query,
                            headers => [@JSON, 'Content-Type' => $FORM]);
        is($r->status, 200, "[attack 43] $method $page with a body: too");
    }
    for my $method (qw(PUT DELETE PATCH OPTIONS post Post POSTX)) {
        my $r = $c->request($method, "/2fa/$page?_method=POST", body => $query,
            headers => [@JSON, 'Content-Type' => $FORM, 'X-HTTP-Method-Override' => 'POST']);
        ok($r->status == 405 || ($method =~ /[a-z]/ && $r->status == 400),
           "[attack 43] $method $page: refused") or diag $r->{head};
    }
    refused_csrf("[attack 43] POST $page as another method", $c, $page,
                 form => [@{ $bare->($fields) }, [_method => 'GET']],
                 headers => ['X-HTTP-Method-Override' => 'GET']);
}
unchanged('[attack 43] other methods');


# Other origins, with the right token.

my $host = $alice->{host};
my $port = $alice->{port};
my @foreign = (
    (map { ['Sec-Fetch-Site' => $_] } 'cross-site', 'same-site', 'x', '', 'Same-Origin',
        'same-origin, cross-site', 'same-origin;', 'nonee'),
    ['Sec-Fetch-Site' => 'same-origin', 'Sec-Fetch-Site' => 'cross-site'],
    ['Sec-Fetch-Site' => 'none', 'sec-fetch-site' => 'none'],
    ['Sec-Fetch-Site' => 'cross-site', Origin => "http://$host"],
    (map { [Origin => $_] } 'https://evil.example', 'null', '', 'http://', 'https://', 'file://',
        "http://$host.evil.example", "http://evil.example:$port", "http://localhost",
        "http://localhost:", "http://localhost:0$port", 'http://localhost:444',
        "http://localhost:$port.evil.example", "http://localhost:$port\@evil.example",
        "http://evil.example\@$host", "http://$host/", "http://$host/x", "http://$host?x",
        "http://$host#x", "http://$host http://evil.example", "http://$host, http://evil.example",
        "http:$host", "http:/$host", "//$host", $host, "ftp://$host", "ws://$host",
        "javascript://$host", "chrome-extension://$host", "http://localhost.:$port",
        "http://localhost%2e:$port", "http://127.0.0.1:$port", "http://[::1]:$port",
        "http://\xc5\x82ocalhost:$port", "http://localhost\t:$port", "http://$host\\evil.example",
        "http://localhost:$port$port", "http://xlocalhost:$port", "http://ocalhost:$port",
        "http://localhost:" . ($port + 65536)),
    [Origin => "http://$host", Origin => 'http://evil.example'],
    [Origin => "http://$host", Origin => "http://$host"],
);
for my $h (@foreign) {
    for my $form (@forms) {
        my ($page, $c, $fields) = @$form;
        next if $page ne 'login' && $page ne 'disable' && $h != $foreign[0];
        refused_csrf("[attack 44] $page, @$h", $c, $page, headers => $h,
                     form => [@{ $bare->($fields) }, [csrf => $c->{csrf}]]);
    }
}
unchanged('[attack 44] other origins');

# Where a browser says neither, the token decides alone; a Referer says nothing.

for my $h ([Referer => 'http://evil.example/'], ['Sec-Fetch-Site' => 'none'],
           ['Sec-Fetch-Site' => 'same-origin', Origin => 'null'], [Origin => "http://$host"],
           [Origin => "HTTP://LOCALHOST:$port"], [Origin => "https://$host"])
{
    my $c = $t->client;
    $c->page('login');
    is($c->act('login', { username => 'bob', password => $t->password('bob') }, @$h)->status, 200,
       "[attack 44] passes: @$h");
}
{
    my $c = $t->client;
    my @login = ({ username => 'bob', password => $t->password('bob') });
    for my $case (['localhost', 'http://localhost'], ['localhost:80', 'http://localhost'],
                  ['localhost', 'http://localhost:80'], ['[::1]', 'http://[::1]:80'])
    {
        $c->page('login');
        is($c->act('login', @login, Host => $case->[0], Origin => $case->[1])->status, 200,
           "[attack 44] Host $case->[0], Origin $case->[1]: the same");
    }
    for my $case (['localhost:443', 'http://localhost'], ['localhost', 'http://localhost:443'],
                  ['[::1]', 'http://[::2]'], ['localhost:80', "http://localhost:8080"],
                  ['evil.example', 'http://localhost'])
    {
        $c->page('login');
        is_error($c->act('login', @login, Host => $case->[0], Origin => $case->[1]), 403,
                 'bad_csrf', "[attack 44] Host $case->[0], Origin $case->[1]: another");
    }
}


# Signing a victim in as somebody else: no cookie, a planted one, other shapes.

$before = state();
my $pw = $t->password('mallory');
my $victim = $t->client;
my @creds = ([username => 'mallory'], [password => $pw]);
my $evil = $t->client;
$evil->page('login');
for my $case (
    ['without a cookie', [@creds, [csrf => $evil->{csrf}]], cookies => 0],
    ['without cookie and token', [@creds], cookies => 0],
    ['a cookie planted, no token', [@creds], headers => [Cookie => 'totp=' . $evil->cookie]],
    ['cookie and token planted', [@creds, [csrf => $evil->{csrf}]], headers => [
        Cookie => 'totp=' . $evil->cookie, 'Sec-Fetch-Site' => 'cross-site']],
    ['cookie and token planted, from a neighbour', [@creds, [csrf => $evil->{csrf}]], headers => [
        Cookie => 'totp=' . $evil->cookie, 'Sec-Fetch-Site' => 'same-site']],
    ['cookie and token planted, by Origin', [@creds, [csrf => $evil->{csrf}]], headers => [
        Cookie => 'totp=' . $evil->cookie, Origin => 'http://evil.example']],
    ['a cookie beside the victim\'s own', [@creds, [csrf => $evil->{csrf}]], headers => [
        Cookie => 'totp=' . $evil->cookie . '; totp=' . $visitor->cookie]],
) {
    my ($name, $form, %o) = @$case;
    my $r = $victim->request('POST', '/2fa/login', form => $form, %o,
                             headers => [@JSON, @{ $o{headers} || [] }]);
    is_error($r, 403, 'bad_csrf', "[attack 45] $name");
    my $got = $t->client;
    $got->learn($r);
    isnt($got->page('settings')->status, 200, "[attack 45] $name: nobody is signed in");
    is($got->page('login')->stage, 'none', "[attack 45] $name: not even half");
}

# A browser keeps its cookie back from a form of another site (SameSite), and
# would take a new one in its place: there must be none.

for my $h (['Sec-Fetch-Site' => 'cross-site'], ['Sec-Fetch-Site' => 'same-site'],
           [Origin => 'https://evil.example'], [Origin => 'null'])
{
    for my $form ([@creds], [@creds, [csrf => $evil->{csrf}]]) {
        for my $accept ('application/json', 'text/html') {
            my $r = $victim->request('POST', '/2fa/login', form => $form, cookies => 0,
                                     headers => [Accept => $accept, @$h]);
            is($r->status, 403, "[attack 45] @$h: refused");
            is($r->header('Set-Cookie'), undef,
               "[attack 45] @$h: does not put a cookie in the place of the victim's");
            next if $accept eq 'application/json';
            is_login_page($r, 403, "[attack 45] @$h: the form");
        }
    }
}
{
    my $csrf = $visitor->{csrf};
    my $body = form_encode([@creds, [csrf => $csrf]]);
    my $json = qq({"username":"mallory","password":"$pw","csrf":"$csrf"});
    my $parts = join '', map { "--x\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n"
                               . "$_->[1]\r\n" } @creds, [csrf => $csrf];
    for my $case (['text/plain', $body], ['text/plain', "$json="], ['application/json', $json],
        ['application/json;charset=utf-8', $json], ['multipart/form-data; boundary=x', "$parts--x--\r\n"],
        ['application/csp-report', $json], ["$FORM, text/plain", $body], ["text/plain; $FORM", $body],
        ['', $body], [undef, $body], ['application/x-www-form-urlencoded-x', $body],
        ['application/octet-stream', $body], ["$FORM; charset=iso-8859-1", $body], ['*/*', $body])
    {
        my ($type, $text) = @$case;
        my $r = $visitor->request('POST', '/2fa/login', body => $text,
            headers => [@JSON, (defined $type ? ('Content-Type' => $type) : ())]);
        is_error($r, 415, 'bad_type', '[attack 45] type ' . (defined $type ? "'$type'" : '(none)'));
        is($r->header('Set-Cookie'), undef, '[attack 45] signs nobody in');
    }
    refused_csrf('[attack 45] JSON that says it is a form', $visitor, 'login', body => $json,
                 headers => ['Content-Type' => $FORM]);
    refused_csrf('[attack 45] plain text that says it is a form', $visitor, 'login',
                 body => "username=mallory\r\npassword=$pw\r\ncsrf=$csrf\r\n",
                 headers => ['Content-Type' => $FORM]);
}
unchanged('[attack 45] signing in as somebody else');
is($visitor->page('login')->stage, 'none', '[attack 45] the visitor is nobody still');

{
    # sent again from that form it is refused once more, and then goes through
    my $c = $t->client;
    $c->{csrf} = '';
    my @same = ('Sec-Fetch-Site' => 'same-origin');
    my $login = { username => 'bob', password => $t->password('bob') };
    is($c->post_html('/2fa/login', $login, @same)->status, 403, 'without a token: refused');
    is($c->post_html('/2fa/login', $login, @same)->status, 303, 'but with a token that is good');
}


# In a frame: every answer forbids it, whatever its status.

sub framed {
    my ($r, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status, $status, "$name: $status") or diag $r->{head};
    my %h = map { ($_ => join ' | ', $r->all_headers($_)) } qw(X-Frame-Options X-Content-Type-Options
        Cross-Origin-Opener-Policy Cache-Control Content-Security-Policy Access-Control-Allow-Origin);
    my $csp = delete $h{'Content-Security-Policy'};
    is_deeply(\%h, { 'X-Frame-Options' => 'DENY', 'X-Content-Type-Options' => 'nosniff',
        'Cross-Origin-Opener-Policy' => 'same-origin', 'Cache-Control' => 'no-store',
        'Access-Control-Allow-Origin' => '' }, "[attack 46] $name, $status: headers") or diag $r->{head};
    ok(!(grep { $csp !~ /(?:\A|; )\Q$_\E(?:;|\z)/ } "default-src 'none'", "frame-ancestors 'none'",
         "base-uri 'none'") && $csp !~ /unsafe-|\*/, "[attack 46] $name, $status: policy") or diag $csp;
    return;
}

my $bob = $t->client;
$bob->login('bob');
for my $accept ('text/html', 'application/json') {
    my @a = (Accept => $accept);
    my $n = $t->client;
    my $post = sub { my ($c, $page, $body, @h) = @_;
        return $c->request('POST', "/2fa/$page", body => $body,
                           headers => [@a, 'Content-Type' => $FORM, @h]) };
    framed($n->get('/2fa/login', @a), 200, "login, $accept");
    framed($n->get('/2fa/login', @a, 'Sec-Fetch-Dest' => 'iframe', 'Sec-Fetch-Mode' => 'navigate',
                   'Sec-Fetch-Site' => 'cross-site'), 200, "login in a frame, $accept");
    framed($alice->get("/2fa/$_", @a), 200, "$_, $accept")
        for qw(code settings setup backup-codes disable logout);
    framed($n->get('/2fa/nothing', @a), 404, "not found, $accept");
    framed($n->request('PUT', '/2fa/login', headers => \@a), 405, "bad method, $accept");
    framed($post->($n, 'login', 'x' x 9000), 413, "too large, $accept");
    framed($post->($n, 'login', 'a=1&a=1'), 400, "bad request, $accept");
    framed($n->request('POST', '/2fa/login', body => 'x', headers => [@a, 'Content-Type' => 'x/y']),
           415, "bad type, $accept");
    framed($post->($n, 'login', 'csrf=x'), 403, "bad token, $accept");
    framed($post->($n, 'disable', 'csrf=x'), 403, "bad token on disable, $accept");
    $n->page('login');
    framed($n->post('/2fa/login', { username => 'zoe', password => 'wrong' }, @a), 401,
           "bad credentials, $accept");
    framed($n->post('/2fa/code', { code => '123456' }, @a), 401, "no session, $accept");
    framed($bob->post('/2fa/disable', {}, @a), 401, "set-up first, $accept");
    framed($half->post('/2fa/code', { code => '1' }, @a), 401, "bad code, $accept");
    framed($n->post('/x', { a => 1 }, @a, 'Sec-Fetch-Mode' => 'navigate'), 401, "the gate, $accept");
    if ($accept eq 'text/html') {
        framed($n->get($_, @a), 303, "redirect from $_") for qw(/x /2fa/ /2fa/settings /2fa/code);
        my $c = $t->client;
        $c->page('login');
        framed($c->post('/2fa/login', { username => 'bob', password => $t->password('bob') }, @a),
               303, 'signed in');
    }
    my $l = $t->client(port => 'three', ip => fresh_ip());
    $l->login('zoe', 'wrong-word') for 1 .. 3;
    framed($l->post('/2fa/login', { username => 'zoe', password => 'wrong-word' }, @a), 429,
           "locked, $accept");
}

$redis->freeze;
framed($alice->get('/2fa/settings', Accept => $_), 503, "Redis away, $_")
    for 'text/html', 'application/json';
$redis->thaw;
ok(wait_until(sub { !grep { $_->status != 200 } Totp::Client->fire([ map {
    [$alice, $alice->build('GET', '/2fa/settings', headers => [@JSON])] } 1 .. 12 ]) }, 20, 0.2),
   'and back, on every worker');


# Across origins: a preflight is answered by nobody, and allows nothing.

$t->app->reset;
for my $path ('/x', '/2fa/login', '/2fa/settings', '/2fa/backup-codes', '/2fa/', '/2fa/nothing') {
    for my $c ($t->client, $alice) {
        next if $c == $alice && $path eq '/x';      # that is the application's to answer
        my $r = $c->request('OPTIONS', $path, headers => [Origin => 'https://evil.example',
            'Access-Control-Request-Method' => 'POST', 'Access-Control-Request-Headers' => 'x-user',
            'Sec-Fetch-Mode' => 'cors', 'Sec-Fetch-Site' => 'cross-site']);
        is($r->status, $path eq '/x' ? 401 : $path =~ /nothing/ ? 404 : 405,
           "[attack 47] OPTIONS $path");
        is(scalar(grep { $_->[0] =~ /^access-control/i } @{ $r->{headers} }), 0,
           '[attack 47] allows nothing');
    }
    my $r = $alice->get_json($path, Origin => 'https://evil.example', 'Sec-Fetch-Mode' => 'cors');
    is(scalar(grep { $_->[0] =~ /^access-control/i } @{ $r->{headers} }), 0,
       "[attack 47] GET $path with an Origin: neither");
}
is(scalar(grep { $_->{method} eq 'OPTIONS' } $t->app->requests), 0,
   '[attack 47] no preflight without a session reaches the application');

$t->finish;

done_testing;
