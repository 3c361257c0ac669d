# The gate: who goes through, and what everybody else is told.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)], server => <<'END');
        totp         on;
        totp_issuer  "Example Corp";

        location / { proxy_pass http://%APP%; }

        location /2fa/ {
            totp_portal;
            location /2fa/nested/ { proxy_pass http://%APP%; }
        }

        location /ping { totp off; proxy_pass http://%APP%; }
        location /opt  { totp optional; proxy_pass http://%APP%; }

        location /ws {
            proxy_pass http://%APP%;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }

        location /any-ip   { satisfy any; allow 127.0.0.1; deny all;
                             proxy_pass http://%APP%; }
        location /all-ip   { satisfy all; allow 127.0.0.1; deny all;
                             proxy_pass http://%APP%; }
        location /any-deny { satisfy any; deny all; proxy_pass http://%APP%; }
        location /any-off  { satisfy any; deny all; totp off;
                             proxy_pass http://%APP%; }
        location /any-off-basic { satisfy any; totp off; auth_basic "old";
                             auth_basic_user_file %DIR%/basic;
                             proxy_pass http://%APP%; }
        location /any-basic { satisfy any; auth_basic "old";
                             auth_basic_user_file %DIR%/basic;
                             proxy_pass http://%APP%; }
        location /all-basic { satisfy all; auth_basic "old";
                             auth_basic_user_file %DIR%/basic;
                             proxy_pass http://%APP%; }
        location /any-three { satisfy any; allow 127.0.0.9; deny all;
                             auth_basic "old";
                             auth_basic_user_file %DIR%/basic;
                             proxy_pass http://%APP%; }

        location = /authok { internal; totp off;
                             proxy_pass http://%APP%/authok; }
        location = /authno { internal; totp off;
                             proxy_pass http://%APP%/authno?status=403; }
        location = /authgated { internal; proxy_pass http://%APP%/authgated; }
        location /req-ok   { auth_request /authok; proxy_pass http://%APP%; }
        location /req-no   { auth_request /authno; proxy_pass http://%APP%; }
        location /req-any  { satisfy any; auth_request /authno;
                             proxy_pass http://%APP%; }
        location /req-sub  { totp off; auth_request /authgated;
                             proxy_pass http://%APP%; }

        location /ep {
            error_page 401 403 =200 /open;
            error_page 303 /open;
            proxy_pass http://%APP%;
        }
        location /open { totp off; proxy_pass http://%APP%; }
        location /ep-404 {
            totp off;
            proxy_intercept_errors on;
            error_page 404 =200 /secret-page;
            proxy_pass http://%APP%;
        }
        location /ep-deny { totp off; deny all; error_page 403 =200 /secret-page; }

        location /tf-off   { totp off; try_files /nothing /secret-page; }
        location /tf-named { try_files /nothing @app; }
        location /tf-off-named { totp off; try_files /nothing @app; }
        location /tf-open  { try_files /nothing @open; }
        location @app  { rewrite ^(.*)$ $1? break; proxy_pass http://%APP%; }
        location @open { totp off; proxy_pass http://%APP%; }

        location /xa { totp off; proxy_pass http://%APP%; }
        location /rw { totp off; rewrite ^ /secret-page last; }
        location /hidden { internal; proxy_pass http://%APP%; }

        location /if {
            if ($arg_x) { proxy_pass http://%APP%; }
            proxy_pass http://%APP%;
        }
        location /limit {
            limit_except GET { allow all; }
            proxy_pass http://%APP%;
        }
        location /limit-inner {
            limit_except GET { proxy_pass http://%APP%; }
            proxy_pass http://%APP%;
        }
        location /return { return 200 "open\n"; }
END

spew("$t->{dir}/basic", "old:{PLAIN}basic-pw\n", 0644);
my $basic = 'Basic ' . b64('old:basic-pw');

my $nobody = $t->client;
my $alice = $t->client->ready('alice');
my $bob = $t->client;
$bob->login('bob');
my $half = $t->client;
$half->login('alice');

my $app = $t->app;
$app->reset;


# Nobody: a browser opening a page is sent on.

is_redirect($nobody->get_html('/a/b?x=1&y=%20z'), '/2fa/login',
            '/a/b?x=1&y=%20z', 'a page: to the login, with next');
is_redirect($nobody->request('HEAD', '/a', headers => [Accept => 'text/html']),
            '/2fa/login', '/a', 'HEAD likewise');
is_redirect($nobody->get('/a', 'Sec-Fetch-Mode' => 'navigate',
                         'Sec-Fetch-Dest' => 'document', Accept => '*/*'),
            '/2fa/login', '/a', 'Fetch Metadata: a top-level document');
is_redirect($nobody->get('/a', Accept => 'application/json, text/html'),
            '/2fa/login', '/a', 'text/html with the weight of JSON');
is_redirect($nobody->get('/a', Accept => 'application/json;q=0.8, text/html;q=0.9'),
            '/2fa/login', '/a', 'text/html with a higher weight');

my $r = $nobody->get_html('/a');
unlike($r->target, qr{^https?:}, 'Location names no scheme and host');
is($r->header('Cache-Control'), 'no-store', 'the redirect is not stored');

$r = $nobody->get_html('/' . 'a' x 2100);
is($r->status, 303, 'an address of more than 2 KiB');
ok(!defined $r->target_next || $r->target_next eq '/',
   'is dropped from next');
is_redirect($nobody->get_html('/' . 'a' x 2000), '/2fa/login', '/' . 'a' x 2000,
            'one of 2000 bytes is not');


# Another method, or a frame: 401 page.

for my $case (
    ['POST', Accept => 'text/html', 'Sec-Fetch-Mode' => 'navigate',
     'Sec-Fetch-Dest' => 'document'],
    ['POST', Accept => 'text/html,*/*;q=0.8'],
    ['GET', Accept => 'text/html', 'Sec-Fetch-Mode' => 'navigate',
     'Sec-Fetch-Dest' => 'iframe'],
    ['GET', Accept => 'text/html', 'Sec-Fetch-Mode' => 'navigate',
     'Sec-Fetch-Dest' => 'frame'],
) {
    my ($method, @h) = @$case;
    $r = $nobody->request($method, '/a', headers => \@h,
        ($method eq 'POST' ? (form => { typed => 'text' }) : ()));
    is($r->status, 401, "$method @h[2 .. $#h]: 401");
    like($r->header('Content-Type'), qr{^text/html}, 'as a page');
    is($r->header('Location'), undef, 'without a redirect');
    like($r->body, qr{href="[^"]*/2fa/login}, 'with a way to sign in');
    like($r->header('WWW-Authenticate'), qr/^TOTP realm="/, 'and the challenge');
}


# Anything else: 401 with JSON.

for my $case (
    ['JSON', Accept => 'application/json'],
    ['no Accept'],
    ['anything', Accept => '*/*'],
    ['JSON preferred', Accept => 'text/html;q=0.5, application/json'],
    ['fetch', Accept => 'text/html', 'Sec-Fetch-Mode' => 'cors',
     'Sec-Fetch-Dest' => 'empty'],
    ['a picture', Accept => 'image/*', 'Sec-Fetch-Mode' => 'no-cors',
     'Sec-Fetch-Dest' => 'image'],
    ['a script', Accept => '*/*', 'Sec-Fetch-Mode' => 'no-cors',
     'Sec-Fetch-Dest' => 'script'],
) {
    my ($name, @h) = @$case;
    $r = $nobody->get('/a', @h);
    is_error($r, 401, 'login_required', "$name: 401 with JSON");
    like($r->json->{login}, qr{^/2fa/login\b}, "$name: login says where");
    like($r->header('Content-Type'), qr{^application/json}, "$name: type");
}

for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND)) {
    is_error($nobody->request($method, '/a', body => 'x'), 401,
             'login_required', "$method: 401");
}

my $ws = $nobody->connect;
my @upgrade = (Connection => 'Upgrade', Upgrade => 'websocket',
               'Sec-WebSocket-Version' => 13,
               'Sec-WebSocket-Key' => b64(random_bytes(16)));
$ws->send($nobody->build('GET', '/ws', headers => \@upgrade));
is_error($ws->response, 401, 'login_required', '[attack 81] WebSocket: 401');
$ws->close;
$ws = $nobody->connect;
$ws->send($nobody->build('GET', '/ws', headers => [@upgrade,
    'Sec-Fetch-Mode' => 'websocket', 'Sec-Fetch-Dest' => 'websocket']));
is_error($ws->response, 401, 'login_required', 'WebSocket with Fetch Metadata');
$ws->close;

is_error($nobody->get_json('/2fa/nested/x'), 401, 'login_required',
         'a location nested in the portal is gated');

is($app->hits, 0, 'and nothing of all that reached the application');


# At stage password, and without a second factor.

is_redirect($half->get_html('/a?b'), '/2fa/code', '/a?b', 'password: to the code');
is_error($half->get_json('/a'), 401, 'code_required', 'password: code_required');
is_error($half->get_json('/opt'), 401, 'code_required',
         'optional: who has enabled a second factor is asked for it');
is_redirect($half->get_html('/opt'), '/2fa/code', '/opt', 'optional: to the code');
is_redirect($bob->get_html('/a?b'), '/2fa/setup', '/a?b',
            'no second factor: to the setup');
is_error($bob->get_json('/a'), 401, 'setup_required',
         'no second factor: setup_required');
is($app->hits, 0, 'and the application saw none of it');
through($bob->get('/opt'), 'optional: who has none goes through');
is_error($nobody->get_json('/opt'), 401, 'login_required',
         'optional: a password is asked for');


# Full.

through($alice->get('/a'), 'full: goes through');
through($alice->get('/opt'), 'full: optional');
through($alice->get('/ping'), 'full: where the gate is off');
through($nobody->get('/ping'), 'nobody: where the gate is off');
through($half->get('/ping'), 'password: where the gate is off');
through($alice->get('/2fa/nested/x'), 'full: nested in the portal');
$r = $alice->post('/a', { field => 'value' });
through($r, 'full: POST');
like($r->json->{body}, qr/field=value/, 'with its body');
$ws = $alice->connect;
$ws->send($alice->build('GET', '/ws', headers => \@upgrade));
is($ws->response->status, 101, '[attack 81] full: WebSocket');
$ws->send('ping');
is($ws->bytes(4), 'ping', 'which works');
$ws->close;


# With the rest of nginx' access phase.

my $other = sub { my $c = $_[0]->clone; $c->{ip} = '127.0.0.5'; return $c };

through($nobody->get('/any-ip'), '[attack 76] satisfy any: an allowed address');
refused($other->($nobody)->get('/any-ip'), 'satisfy any: another address');
through($other->($alice)->get('/any-ip'), 'satisfy any: a session from there');
refused($nobody->get('/any-deny'), 'satisfy any, deny: nobody');
through($alice->get('/any-deny'), '[attack 76] satisfy any, deny: a session');
is_redirect($nobody->get_html('/any-deny'), '/2fa/login', '/any-deny',
            'satisfy any, deny: a browser is sent to the login');
refused($nobody->get('/all-ip'), 'satisfy all: an allowed address, nobody');
through($alice->get('/all-ip'), 'satisfy all: both');
is($other->($alice)->get('/all-ip')->status, 403,
   '[attack 76] satisfy all: a session from another address');
is($other->($nobody)->get('/all-ip')->status =~ /^40[13]$/, 1,
   'satisfy all: neither');
is($nobody->get('/any-off')->status, 403, '[attack 76] a gate that is off opens nothing');
is($alice->get('/any-off')->status, 403, 'for nobody');
is($nobody->get('/any-off-basic')->status, 401,
   '[attack 76] a gate that is off does not open auth_basic');
through($nobody->get('/any-off-basic', Authorization => $basic),
        'where Basic still works');

through($nobody->get('/any-basic', Authorization => $basic),
        'satisfy any: Basic');
through($alice->get('/any-basic'), 'satisfy any: a session instead of Basic');
$r = $nobody->get('/any-basic');
is_error($r, 401, 'login_required', 'satisfy any: neither');
is(scalar(my @w = $r->all_headers('WWW-Authenticate')), 1,
   'with one challenge, and that is ours');
$r = $nobody->get('/any-basic', Authorization => 'Basic ' . b64('old:wrong'));
is_error($r, 401, 'login_required', 'satisfy any: wrong Basic');
unlike(join("\n", $r->all_headers('WWW-Authenticate')), qr/Basic/i,
       'never Basic');
refused($nobody->get('/all-basic', Authorization => $basic),
        'satisfy all: Basic alone');
is($alice->get('/all-basic')->status, 401, 'satisfy all: a session alone');
$r = $alice->get('/all-basic', Authorization => $basic);
through($r, 'satisfy all: both');
is((grep { lc $_->[0] eq 'authorization' } @{ $r->json->{headers} })[0][1],
   $basic, 'Authorization arrives as it was sent');
through($alice->get('/a', Authorization => 'Token abc'),
        "the application's own Authorization is not read");
through($nobody->get('/any-three', Authorization => $basic), 'three ways: Basic');
through($alice->get('/any-three'), 'three ways: a session');
{ my $c = $nobody->clone; $c->{ip} = '127.0.0.9';
  through($c->get('/any-three'), 'three ways: the address') }
is_error($nobody->get('/any-three'), 401, 'login_required', 'three ways: none');

through($alice->get('/req-ok'), 'auth_request: it says yes, a session');
refused($nobody->get('/req-ok'), 'auth_request: it says yes, nobody');
is($alice->get('/req-no')->status, 403, 'auth_request: it says no, a session');
through($alice->get('/req-any'), 'auth_request, satisfy any: a session');
is($nobody->get('/req-any')->status =~ /^40[13]$/, 1,
   'auth_request, satisfy any: nobody');
through($nobody->get('/req-sub'),
        '[attack 71] nginx gates no subrequest: the README says so');


# error_page does not replace the module's answers.

is_error($nobody->get('/ep'), 401, 'login_required', 'error_page 401');
is_redirect($nobody->get_html('/ep'), '/2fa/login', '/ep', 'error_page 303');
through($alice->get('/ep'), 'and a session goes through');
$app->reset;
refused($nobody->get('/ep-404?status=404'),
        '[attack 72] error_page into a gated location');
is(scalar(grep { $_->{uri} =~ /secret/ } $app->requests), 0,
   'which the application does not see');
through($alice->get('/ep-404?status=404'), 'with a session');
refused($nobody->get('/ep-deny'), 'error_page 403 into a gated location');
through($alice->get('/ep-deny'), 'with a session');


# The last location decides.

$app->reset;
refused($nobody->get('/tf-off'), '[attack 73] try_files into a gated location');
refused($nobody->get('/tf-named'), 'try_files, gated on both sides');
refused($nobody->get('/tf-off-named'), 'try_files into a gated named location');
refused($nobody->get('/tf-open'), 'a gated location before try_files');
refused($nobody->get('/rw'), 'rewrite into a gated location');
is($app->hits, 0, 'none of them reached the application');
refused($nobody->get('/xa?h=X-Accel-Redirect:%20/secret-page'),
        '[attack 77] X-Accel-Redirect into a gated location');
refused($nobody->get('/xa?h=X-Accel-Redirect:%20/hidden'),
        'X-Accel-Redirect into an internal one');
refused($nobody->get('/xa?h=X-Accel-Redirect:%20%40app'),
        'X-Accel-Redirect into a named one');
is(scalar(grep { $_->{uri} !~ m{^/xa} } $app->requests), 0,
   'of which the application saw but the first half');

for my $path ('/tf-off', '/tf-named', '/tf-off-named', '/tf-open', '/rw',
              '/xa?h=X-Accel-Redirect:%20/secret-page',
              '/xa?h=X-Accel-Redirect:%20/hidden',
              '/xa?h=X-Accel-Redirect:%20%40app')
{
    through($alice->get($path), "a session goes through $path");
}


# Locations within locations.

refused($nobody->get('/if'), 'if, not taken');
refused($nobody->get('/if?x=1'), '[attack 75] if, taken');
through($alice->get('/if?x=1'), 'if, taken, with a session');
for my $path (qw(/limit /limit-inner)) {
    refused($nobody->get($path), "[attack 75] $path: limit_except, GET");
    refused($nobody->request('POST', $path, body => 'x'), "$path: POST");
    through($alice->get($path), "$path: GET with a session");
    through($alice->request('POST', $path, body => 'x'),
            "$path: POST with a session");
}
is($nobody->get('/return')->body, "open\n",
   '[attack 74] return answers before the gate: the README says so');


# One connection, several visitors.

my $conn = $nobody->connect;
$conn->send($alice->build('GET', '/k1', keep => 1)
            . $nobody->build('GET', '/k2', keep => 1)
            . $bob->build('GET', '/k3', keep => 1)
            . $alice->build('GET', '/k4', keep => 1));
my @k = map { $conn->response } 1 .. 4;
is(join(' ', map { $_->status } @k), '200 401 401 200',
   '[attack 80] pipelined requests do not share a session');
is($k[2]->error, 'setup_required', 'each has its own');
$conn->close;

$conn = $nobody->connect;
$app->reset;
my $inner = $nobody->build('GET', '/secret-inner', keep => 1);
for my $path (qw(/a /2fa/none /2fa/login)) {
    $conn->send($nobody->build('POST', $path, body => $inner, keep => 1));
    isnt($conn->response->status, 200, "a body to $path is not read as a request");
    $conn->send($nobody->build('GET', '/ping', keep => 1));
    $r = $conn->response;
    is($r->status, 200, 'the next request on the connection gets its own answer');
    is($r->json->{uri}, '/ping', 'and no other');
}
$conn->close;
is(scalar(grep { $_->{uri} =~ /inner/ } $app->requests), 0,
   '[attack 67] no smuggling');

$conn = $nobody->connect;
$conn->send($nobody->build('POST', '/a', headers => [Expect => '100-continue',
    'Content-Length' => 4]));
$r = $conn->response;
is($r->status, 401, '[attack 82] Expect: 100-continue without a session: 401');
is_deeply($r->{interim}, [], '[attack 82] without a 100 before');
$conn->close;
$conn = $alice->connect;
$conn->send($alice->build('POST', '/a', headers => [Expect => '100-continue',
    'Content-Length' => 4]));
nap(0.1);
$conn->send('body');
$r = $conn->response;
through($r, 'with one it goes through');
is($r->json->{body}, 'body', '[attack 82] with its body');
$conn->close;


# Conditional and partial requests are no way around.

refused($nobody->get('/a', 'If-Modified-Since' => 'Sun, 06 Nov 2033 08:49:37 GMT'),
        'If-Modified-Since');
refused($nobody->get('/a', 'If-None-Match' => '*'), 'If-None-Match');
refused($nobody->get('/a', Range => 'bytes=0-1'), '[attack 84] Range');


# Spellings of an address.

$app->reset;
for my $path ('//secret', '/./secret', '/x/../secret', '/%73ecret',
              '/ping/../secret', '/ping%2f..%2fsecret/../../secret')
{
    my $s = $nobody->get($path)->status;
    ok($s == 401 || $s == 400, "$path: $s");
}
is($app->hits, 0, 'no spelling gets through');

$t->finish;

done_testing;
