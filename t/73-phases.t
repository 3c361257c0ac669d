# The gate among nginx' phases: subrequests, error pages, internal redirects,
# caches; and bodies that somebody else has read.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)], http => <<'END',
    proxy_cache_path %PREFIX%/cache keys_zone=cache:1m;
    log_format inner '$request_uri [$totp_user] [$totp_stage]';
    map $totp_user $mapped { default "m-$totp_user"; '' nobody; }
END
    server => <<'END');
        totp on;
        root %DIR%/root;
        addition_types *;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
        location /secret { proxy_pass http://%APP%;
                           proxy_set_header X-User $totp_user;
                           proxy_set_header X-Stage $totp_stage; }

        location /off/ssi/  { totp off; ssi on; ssi_types *;
                              alias %DIR%/root/; }
        location /on/ssi/   { ssi on; ssi_types *; alias %DIR%/root/; }
        location /off/add   { totp off; add_before_body /secret;
                              proxy_pass http://%APP%; }
        location /on/add    { add_before_body /secret; proxy_pass http://%APP%; }
        location /off/mirror { totp off; mirror /secret/mirrored;
                               proxy_pass http://%APP%; }
        location /on/two    { add_before_body /secret;
                              add_after_body /elsewhere;
                              proxy_pass http://%APP%; }
        location /elsewhere { totp_realm elsewhere;
                              proxy_set_header X-User $totp_user;
                              proxy_pass http://%APP%; }
        location /on/mirror { mirror /secret/mirrored; proxy_pass http://%APP%; }
        location /on/slice  { slice 1k; proxy_pass http://%APP%;
                              proxy_set_header Range $slice_range;
                              proxy_http_version 1.1; }
        location /off/check-portal { totp off; auth_request /2fa/settings;
                                     proxy_pass http://%APP%; }
        location /off/check-login  { totp off; auth_request /2fa/code;
                                     proxy_pass http://%APP%; }

        location /ep/401 { totp off; error_page 404 =200 /secret/ep;
                           proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep/named { totp off; error_page 404 = @gated;
                             proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep/twice { totp off; error_page 404 /ep/next;
                             recursive_error_pages on;
                             proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep/next { totp off; error_page 403 =200 /secret/ep;
                            recursive_error_pages on; deny all;
                            proxy_pass http://%APP%; }
        location /ep/self { recursive_error_pages on; error_page 401 403 /ep/self;
                            proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep/elsewhere { error_page 401 =302 https://evil.example/;
                                 error_page 401 403 303 503 =200 /off/add;
                                 proxy_pass http://%APP%; }
        location /ep/app { proxy_intercept_errors on; error_page 401 =200 /open;
                           proxy_pass http://%APP%; }
        location /open { totp off; proxy_pass http://%APP%; }
        location @gated { rewrite ^ /secret/named? break; proxy_pass http://%APP%; }

        location /dir/      { totp off; alias %DIR%/root/dir/; }
        location = /dir/index.html { proxy_pass http://%APP%; }
        location /rw/last   { totp off; rewrite ^ /secret/rw last; }
        location /rw/break  { totp off; rewrite ^ /secret/rw break;
                              proxy_pass http://%APP%; }
        location /rw/gated-break { rewrite ^ /open/rw break;
                                   proxy_pass http://%APP%; }
        location /rw/gated-last { rewrite ^ /open/rw last; }
        location /rw/out    { rewrite ^ /open/rw redirect; }
        location /ret/text  { return 200 "said\n"; }
        location /ret/if    { if ($arg_x) { return 200 "said\n"; }
                              proxy_pass http://%APP%; }
        location /if/in     { if ($arg_x) { set $y 1; }
                              proxy_pass http://%APP%; }
        location /static/   { alias %DIR%/root/; }
        location /hidden    { internal; proxy_pass http://%APP%; }
        location /xa/off    { totp off; proxy_pass http://%APP%; }
        location /xa/on     { proxy_pass http://%APP%; }

        location /cached    { proxy_cache cache; proxy_cache_valid any 1m;
                              proxy_ignore_headers Set-Cookie Cache-Control Expires;
                              add_header X-Cache $upstream_cache_status;
                              proxy_pass http://%APP%; }
        location /stream    { proxy_request_buffering off;
                              proxy_http_version 1.1; proxy_pass http://%APP%; }
        location /vars {
            access_log %PREFIX%/inner.log inner;
            add_before_body /vars-inner;
            set $was $totp_user;
            proxy_set_header X-User $totp_user;
            proxy_set_header X-Was  $was;
            proxy_set_header X-Map  $mapped;
            proxy_pass http://%APP%;
        }
        location /vars-inner { log_subrequest on;
                               proxy_set_header X-User $totp_user;
                               access_log %PREFIX%/inner.log inner;
                               proxy_pass http://%APP%; }
        location /renewed { totp_session_timeout 8s; proxy_pass http://%APP%; }
END

mkdir "$t->{dir}/root";
mkdir "$t->{dir}/root/dir";
spew("$t->{dir}/root/page.shtml",
     "start <!--# include virtual=\"/secret/ssi\" --> end\n");
spew("$t->{dir}/root/form.shtml",
     "start <!--# include virtual=\"/2fa/setup\" --> end\n");
spew("$t->{dir}/root/dir/index.html", "index\n");
spew("$t->{dir}/root/file.txt", "a file\n");

my @JSON = (Accept => 'application/json');
my $nobody = $t->client;
my $alice = $t->client->ready('alice');
my $bob = $t->client;
$bob->login('bob');
my $app = $t->app;

sub seen { my ($like) = @_;
    return scalar grep { $_->{uri} =~ $like } $app->requests }

sub at { my ($path, %o) = @_;
    $app->reset;
    return ($o{as} || $nobody)->get($path, $o{html} ? (Accept => 'text/html')
                                                    : @JSON) }


# Subrequests are not gated by nginx: the page that includes is what to gate.

is(at("/on/$_")->status, 401, "[attack 71] $_, gated, nobody"), is($app->hits, 0,
   "[attack 71] $_: nothing was included") for qw(ssi/page.shtml add mirror slice);
like(at('/on/ssi/page.shtml', as => $alice)->body, qr/start \{.*\} end/s,
     '[attack 71] SSI, gated, a session: included');
like(at('/on/add', as => $alice)->body, qr{/secret.*/on/add}s,
     '[attack 71] add_before_body, gated, a session');
is(at('/on/mirror', as => $alice)->status, 200, '[attack 71] mirror, a session');
ok(wait_until(sub { seen(qr{^/secret/mirrored}) }), 'mirrored');
is(at('/on/slice', as => $alice)->status, 200, '[attack 71] slice, a session');

# Theirs is the name of the request, where it means the same people.

is(at('/on/two', as => $alice)->status, 200, '[attack 71] two realms, a session');
my %inner = map { $_->{uri} => $_->{head} } $app->requests;
like($inner{'/secret'}, qr/^x-user: alice\r?$/mi, '[attack 71] its name within its realm');
ok($inner{'/elsewhere'}, '[attack 71] the other realm is asked');
unlike($inner{'/elsewhere'} || '', qr/^x-user: ./mi, '[attack 71] without a name');

my $r = at('/off/ssi/page.shtml');
like($r->body, qr/start \{/, '[attack 71] SSI where the gate is off includes: '
     . 'the README says so');
my ($q) = grep { $_->{uri} =~ m{^/secret} } $app->requests;
unlike($q->{head}, qr/^x-user: ./mi, '[attack 71] but names nobody');
like($q->{head}, qr/^x-stage: none/mi, '[attack 71] at stage none');
at('/off/ssi/page.shtml', as => $bob);
($q) = grep { $_->{uri} =~ m{^/secret} } $app->requests;
unlike($q->{head}, qr/^x-user: ./mi,
       '[attack 71] nor who would not get through there himself');

for my $who ($nobody, $bob) {
    $r = at('/off/ssi/form.shtml', as => $who);
    unlike($r->body, qr/"secret":/, '[attack 71] the portal in a subrequest')
        if $who == $nobody;
    is($r->set_cookies, 0, '[attack 71] sets no cookie');
}
for my $path (qw(/off/check-portal /off/check-login)) {
    isnt(at($path)->status, 200,
         "[attack 71] $path: auth_request at a page, nobody");
    is($app->hits, 0, "[attack 71] $path: does not reach the application");
}
is(at('/off/check-portal', as => $alice)->status, 200,
   '[attack 71] auth_request at settings, a session');


# Error pages lead to locations whose own gate judges again.

for my $path ('/ep/401?status=404', '/ep/named?status=404', '/ep/twice?status=404') {
    for my $method (qw(GET POST HEAD)) {
        $app->reset;
        $r = $nobody->request($method, $path, headers => [@JSON]);
        is($r->status, 401, "[attack 72] $method $path: nobody");
        is(seen(qr/secret/), 0, "[attack 72] $method $path: not reached");
        $r = $alice->request($method, $path, headers => [@JSON]);
        is($r->status, 200, "[attack 72] $method $path: a session");
        is(seen(qr/secret/), 1, "[attack 72] $method $path: reached");
    }
    is_redirect(at($path, html => 1), '/2fa/login', $path,
                "[attack 72] $path: a browser is sent to sign in, and back here");
}
is_error(at('/ep/self'), 401, 'login_required', '[attack 72] an error page of itself');
is(at('/ep/self?status=403', as => $alice)->status =~ /^(?:403|500)$/, 1,
   '[attack 72] no loop with a session either');
is_error(at('/ep/elsewhere'), 401, 'login_required', '[attack 72] error_page 401 =302');
is_redirect(at('/ep/elsewhere', html => 1), '/2fa/login', '/ep/elsewhere',
            '[attack 72] error_page 303 =200');
is($app->hits, 0, '[attack 72] neither reached the application');
is(at('/ep/app?status=401', as => $alice)->status, 200,
   "[attack 72] an application's own 401 is nginx' business");
unlike(($app->requests)[-1]{raw}, qr/totp=/, '[attack 72] without our cookie');


# The last location decides.

is(at('/rw/last')->status, 401, '[attack 73] rewrite last into a gated location');
is(at('/rw/break')->status, 200, '[attack 73] rewrite break stays where the gate is off');
is(at('/rw/gated-break')->status, 401, '[attack 73] rewrite break stays gated');
is(at('/rw/gated-last')->status, 200, '[attack 73] rewrite last out of a gated location');
is(at('/dir/')->status, 401, '[attack 73] an index file in a gated location');
is($app->hits, 0, '[attack 73] is not reached');
is(at('/dir/', as => $alice)->status, 200, '[attack 73] but with a session');
is(at('/static/file.txt')->status, 401, '[attack 73] a file');
is(at('/static/file.txt', as => $alice)->body, "a file\n", '[attack 73] with a session');
is(at('/static/none.txt')->status, 401, '[attack 73] a file that is not there is gated, too');
is(at('/static')->status, 401, '[attack 73] a directory without its slash');

is(at('/ret/text')->body, "said\n", '[attack 74] return answers before the gate');
is(at('/ret/if?x=1')->body, "said\n", '[attack 74] in an if as well');
is(at('/ret/if')->status, 401, '[attack 74] which does not reach what is gated');
is(at('/rw/out')->status, 302, '[attack 74] rewrite redirect answers before the gate');
is($app->hits, 0, '[attack 74] none of these reached the application');

is(at('/if/in')->status, 401, '[attack 75] if, not taken');
is(at('/if/in?x=1')->status, 401, '[attack 75] if, taken');
is(at('/if/in?x=1', as => $alice)->status, 200, '[attack 75] if, with a session');


# X-Accel-Redirect.

for my $to ('/secret/xa', '/hidden', '@gated', '/2fa/settings', '/xa/on') {
    my $xa = 'h=X-Accel-Redirect:%20' . uri_escape($to);
    is(at("/xa/off?$xa")->status, 401,
       "[attack 77] $to, from a location without a gate, nobody");
    is($app->hits, 1, "[attack 77] $to: not reached");
    is(at("/xa/off?$xa", as => $alice)->status, 200, "[attack 77] $to: a session");
    is(at("/xa/on?$xa", as => $alice)->status, 200,
       "[attack 77] $to: a session, from a gated one");
    is(at("/xa/on?$xa")->status, 401, "[attack 77] $to: from a gated one, nobody");
}
is(at('/xa/off?h=X-Accel-Redirect:%20/xa/off%3fh=X-Accel-Redirect:%2520/secret')
   ->status, 401, '[attack 77] by two of them');


# Bodies.

for my $path (qw(/x /stream)) {
    for my $size (3, 5000, 200_000) {
        $app->reset;
        $r = $alice->request('POST', $path, body => 'b' x $size,
                             headers => ['Content-Type' => 'text/plain']);
        is(length $r->json->{body}, $size, "[attack 78] $path: $size bytes arrive");
    }
    is($nobody->request('POST', $path, body => 'b' x 200_000)->status, 401,
       "[attack 78] $path: refused without a session");
}
$app->reset;
$r = $alice->request('POST', '/on/mirror', body => 'b' x 5000);
is(length $r->json->{body}, 5000, '[attack 78] a body that was mirrored arrives');
is($nobody->request('POST', '/on/mirror', body => 'b')->status, 401,
   '[attack 78] mirror, nobody');
my $conn = $alice->connect;
$conn->send($alice->build('POST', '/stream', headers => [
    'Transfer-Encoding' => 'chunked']) . "5\r\nfirst\r\n");
nap(0.05);
$conn->send("6\r\nsecond\r\n0\r\n\r\n");
is($conn->response->status, 200, '[attack 78] unbuffered, in chunks');
$conn->close;


# Caches.  An answer is in the cache only some time after its client has it.

sub cached {
    my ($ask) = @_;
    my $how;

    wait_until(sub { ($how = $ask->()->header('X-Cache')) eq 'HIT' });

    return $how;
}

is(at('/cached/a', as => $alice)->header('X-Cache'), 'MISS', '[attack 84] cached');
is(cached(sub { at('/cached/a', as => $alice) }), 'HIT', '[attack 84] for a session');
for my $h ([], [Range => 'bytes=0-5'], ['If-None-Match' => '*'],
           ['If-Modified-Since' => 'Sun, 06 Nov 2033 08:49:37 GMT'],
           ['Cache-Control' => 'only-if-cached'])
{
    is($nobody->get('/cached/a', @JSON, @$h)->status, 401,
       "[attack 84] from the cache, nobody: @$h");
    is($nobody->get('/static/file.txt', @JSON, @$h)->status, 401,
       "[attack 84] a file, nobody: @$h");
}

my $behind = $t->node->port;
$t->add_node('front', bare => 1, http => <<"END", server => <<"END2")->start;
    proxy_cache_path %PREFIX%/cache keys_zone=cache:1m;
END
        location / {
            proxy_cache          cache;
            proxy_cache_key      \$uri;
            proxy_cache_valid    any 1m;
            add_header           X-Cache \$upstream_cache_status always;
            proxy_set_header     Host \$http_host;
            proxy_pass           http://127.0.0.1:$behind;
        }
END2
is($alice->clone->at($t->node('front'))->get('/x', @JSON)->header('X-Cache'),
   'MISS', '[attack 84] a cache in front');
is(cached(sub { $t->client(node => 'front')->get('/x', @JSON) }),
   'HIT', '[attack 84] keeps what an application lets it keep');

for my $path (qw(/2fa/login /2fa/code /2fa/settings /secret/z /2fa/nothing)) {
    for my $accept ('text/html', 'application/json') {
        $t->client(node => 'front')->get($path, Accept => $accept) for 1 .. 2;
        my $r = $t->client(node => 'front')->get($path, Accept => $accept);
        is($r->header('X-Cache'), 'MISS', "[attack 84] but no $accept of $path");
    }
}
$alice->ready('alice');
nap(2.1);
$r = $alice->clone->at($t->node('front'))->get('/renewed', @JSON);
ok($r->set_cookie('totp'), '[attack 84] a cookie is renewed');
$r = $t->client(node => 'front')->get('/renewed', @JSON);
is($r->status . ' ' . $r->set_cookies, '401 0',
   '[attack 84] on an answer that the cache in front did not keep');


# Variables in a subrequest, a map, set, a log.

$alice->ready('alice');
$app->reset;
$r = $alice->get('/vars', @JSON);
my %h;
for my $q ($app->requests) {
    $h{ $q->{uri} } = join ' ', $q->{head} =~ /^(x-(?:user|was|map): .*?)\r$/gmi;
}
is($h{'/vars'}, 'X-User: alice X-Map: m-alice',
   '[attack 83] the user in a header and a map; set comes before the gate');
is($h{'/vars-inner'}, 'X-User: alice', '[attack 83] in a subrequest');
$app->reset;
is($nobody->get('/vars', @JSON)->status, 401, '[attack 83] nobody');
my $forged = $t->client;
$forged->{jar}{totp} = substr($alice->cookie, 0, -2) . 'AA';
is($forged->get('/vars', @JSON)->status, 401, '[attack 83] forged');
wait_until(sub { (() = slurp($t->node->{prefix} . '/inner.log') =~ /\n/g) >= 4 });
my $log = slurp($t->node->{prefix} . '/inner.log');
is(scalar(() = $log =~ /\[alice\]/g), 2, '[attack 83] the log names alice where she was')
    or diag $log;
is(scalar(() = $log =~ /\[-?\] \[none\]/g), 2, '[attack 83] and nobody else')
    or diag $log;

my ($rc, $out) = $t->config_test(server => Totp::Test->default_server . <<'END');
        location /if/off { if ($arg_x) { totp off; } proxy_pass http://%APP%; }
END
isnt($rc, 0, '[attack 75] a gate cannot be switched off by an "if"') or diag $out;

$t->finish;

done_testing;
