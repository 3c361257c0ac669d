# The harness itself, with an nginx that has no module: what the other tests
# lean on must be right before they mean anything.

use Totp::Test;

my $t = Totp::Test->new(
    bare => 1, nodes => 2, users => [qw(alice)],
    redis => { appendonly => 'yes' },
    server => <<'END');
        location / { proxy_pass http://%APP%; proxy_http_version 1.1;
                     proxy_set_header Upgrade $http_upgrade;
                     proxy_set_header Connection $http_connection; }
        location /plain { return 200 "plain\n"; }
        location /gone  { return 401; }
END

my $c = $t->client;
my $r = $c->get('/a?h=Set-Cookie:%20totp%3Dabcdefgh;%20Path%3D/;%20HttpOnly&h=X-Y:%201&h=X-Y:%202');

through($r, 'a request reaches the application');
is($r->json->{uri}, '/a?h=Set-Cookie:%20totp%3Dabcdefgh;%20Path%3D/;%20HttpOnly&h=X-Y:%201&h=X-Y:%202',
   'the application sees the request line');
is_deeply([ $r->all_headers('X-Y') ], [1, 2], 'repeated headers');
is($c->cookie, 'abcdefgh', 'the jar takes cookies');
is($r->set_cookie('totp')->{path}, '/', 'attributes of a cookie');

$t->app->reset;
$r = $c->post('/form', { a => 'x y', csrf => 'q&=' });
is($r->json->{body}, 'a=x%20y&csrf=q%26%3D', 'a form is encoded');
like(($t->app->requests)[0]{raw}, qr/^Cookie: totp=abcdefgh\r$/m,
     'cookies are sent');
is($t->app->hits, 1, 'hits are counted');

$c->get('/b?h=Set-Cookie:%20totp%3D;%20Max-Age%3D0');
is($c->cookie, undef, 'the jar forgets cookies');

is($c->get('/plain')->body, "plain\n", 'nginx answers by itself');
is($c->request('HEAD', '/plain')->body, '', 'HEAD');
is($c->get('/s?status=404&text=no')->status, 404, 'the application\'s status');

my $conn = $c->connect;
my $raw = $c->build('GET', '/k?text=1', keep => 1);
$conn->send(substr $raw, 0, 5);
nap(0.05);
$conn->send(substr($raw, 5) . $c->build('GET', '/plain'));
is($conn->response->body, '1', 'split writes');
is($conn->response->body, "plain\n", 'pipelined request on one connection');
ok($conn->closed, 'the end of a connection is noticed');
$conn->close;

my $ws = $c->connect;
$ws->send($c->build('GET', '/ws', headers => [ Connection => 'Upgrade',
    Upgrade => 'websocket' ]));
is($ws->response->status, 101, 'an upgrade');
$ws->send('hello');
is($ws->bytes(5), 'hello', 'bytes come back over the upgraded connection');
$ws->close;

my $began = now();
my @r = Totp::Client->fire([ map { [ $t->client(node => $_ % 2 ? 'a' : 'b'),
    $c->build('GET', "/fire?delay=0.3&text=$_") ] } 1 .. 40 ]);
is_deeply([ map { $_->body } @r ], [ 1 .. 40 ], 'many at once, in order');
cmp_ok(now() - $began, '<', 10, 'and side by side');

is($t->redis->cmd('SET', 'k', "bin\r\n\0"), 'OK', 'Redis: SET');
$t->redis->cmd('HSET', 'h', 'f', 'hidden-value');
like($t->redis->dump, qr/db0 string k\nbin\r\n\0\n/, 'Redis: dump');
like($t->redis->dump, qr/hidden-value/, 'Redis: dump of a hash');
$t->redis->monitor;
$t->redis->cmd('GET', 'k');
wait_until(sub { slurp("$t->{dir}/redis/monitor.log") =~ /"GET" "k"/ });
like($t->redis->monitor_end, qr/"GET" "k"/, 'Redis: MONITOR');
$t->redis->kill_hard;
$t->redis->start;
is($t->redis->cmd('GET', 'k'), "bin\r\n\0", 'Redis: back after SIGKILL');

# RFC 6238, appendix B, and RFC 4226, appendix D

my $otp = Totp::Otp->new(secret => 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
                         digits => 8);
is($otp->code_at(59), '94287082', 'RFC 6238, T=59');
is($otp->code_at(20000000000), '65353130', 'RFC 6238, T=20000000000');
$otp = Totp::Otp->from_uri('otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&algorithm=SHA1&digits=6&period=10');
is($otp->{period}, 10, 'the period of an otpauth address');
is($otp->code_at_step(1), '287082', 'RFC 4226, count 1');
is($otp->code_at_step(9), '520489', 'RFC 4226, count 9');

my ($first, $second) = ($otp->next_step, $otp->next_step);
cmp_ok($second, '>', $first, 'no step is given twice');

my $secret = secret_add(secret => 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
secret_add(backup => 'k7m4-2qxp-9fhd-3wtz');
is($t->leaks('nothing here'), 0, 'leaks: none');
is($t->leaks("x jbswy3dpehpk3pxpjbswy3dpehpk3pxp"), 1, 'leaks: a secret');
is($t->leaks(Totp::Test::base32_decode($secret)), 1, 'leaks: its bytes');
is($t->leaks("code=k7m42qxp9fhd3wt") , 0, 'leaks: not a part of a code');
is($t->leaks("code=k7m42qxp9fhd3wtz") , 1, 'leaks: a backup code');
is($t->leaks("94287082") , 1, 'leaks: a code');
is($t->leaks("194287082") , 0, 'leaks: not within a longer number');

my ($rc, $out) = $t->config_test(server => 'nonsense on;');
isnt($rc, 0, 'nginx -t refuses');
like($out, qr/unknown directive "nonsense"/, 'and says why');

is(scalar(my @w = $t->node->workers), 2, 'two workers');
cmp_ok($t->node->descriptors, '>', 10, 'descriptors are counted');
ok($t->node->reload, 'reload');
through($c->get('/a'), 'works after a reload');

$t->finish;

done_testing;
