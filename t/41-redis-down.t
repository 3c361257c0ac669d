# Redis away, empty, exchanged or odd: who is signed in stays so, nobody else
# gets in, and all works again without touching nginx.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave)],
    redis => { appendonly => 'yes' },
    http => "totp_redis_connect_timeout 500ms;\n    totp_redis_timeout 1s;");
my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);

my $alice = $t->client->ready('alice');

# Each worker comes back in its own time.

sub back {
    my ($rig, $user, $stage) = @_;

    return $rig->connected && wait_until(sub {
        my $r = $rig->client->login($user);
        return $r->status == 200 && $r->stage eq $stage;
    }, 20, 0.2);
}
my $half = $t->client;
$half->login('alice');
my $bob = $t->client;
$bob->login('bob');
my $visitor = $t->client;
$visitor->page('login');


sub down {
    my ($why) = @_;

    my $r = $visitor->act('login', { username => 'alice',
                                     password => $t->password('alice') });
    is_error($r, 503, 'unavailable', "$why: sign-in");
    is($r->header('Set-Cookie'), undef, "$why: no cookie is changed");
    is_error($half->code($t->otp('alice')->next_code), 503, 'unavailable',
             "$why: a code");
    through($alice->get('/x'), "$why: who is signed in goes through");
    my $cookie = $alice->cookie;
    $r = $alice->act('logout', {});
    is_error($r, 503, 'unavailable', "$why: signing out");
    is($alice->cookie, $cookie, "$why: keeps the cookie");
    is_error($bob->page('setup'), 503, 'unavailable', "$why: setup");
    $r = $visitor->post_html('/2fa/login', { username => 'alice',
        password => $t->password('alice') });
    is($r->status, 503, "$why: a page");
    like($r->header('Retry-After'), qr/^\d+$/, "$why: with Retry-After");
    like($r->header('Content-Type'), qr{^text/html}, "$why: of HTML");
    unlike($r->body, qr/wrong/i, "$why: it does not speak of a wrong password");
}


# Killed.

$redis->kill_hard;

my @bad;
for (1 .. 10) {
    my @r = Totp::Client->fire([ map { [$alice, $alice->build('GET', '/ping2')] }
                                 1 .. 100 ]);
    push @bad, grep { $_->status != 200 } @r;
}
is(scalar @bad, 0, '1000 requests of a signed-in user all pass');
down('killed');
my $began = now();
$visitor->act('login', { username => 'alice', password => $t->password('alice') });
cmp_ok(now() - $began, '<', seconds(1.5), 'the refusal comes at once');

$redis->start;
ok(back($t, 'alice', 'password'),
   'back: signing in works again, without touching nginx');
my $c = $t->client;
is($c->sign_in('alice')->stage, 'full', 'with a code');
is($half->code($t->otp('alice')->next_code)->stage, 'full',
   'who owed a code may give it now');
my $other = $alice->clone;
is($alice->act('logout', {})->status, 200, 'signing out works');
ok(wait_until(sub { $other->get('/x')->status == 401 }, 2), 'and is heard of');
$alice->ready('alice');


# Frozen: it accepts and says nothing.

$half = $t->client;
$half->login('alice');
$visitor->page('login');
$redis->freeze;
$began = now();
down('frozen');
cmp_ok(now() - $began, '<', seconds(12), 'frozen: answers come at the deadline [attack 92]');
$redis->thaw;
ok(back($t, 'alice', 'password'), 'thawed: works again');
my $late = $half->code($t->otp('alice')->next_code);
is($late->stage, 'full', 'late answers are not taken for others [attack 92]')
    or diag $late->status, ' ', $late->error;


# Restarted between two requests: the first after it works or is told so.

$redis->kill_hard;
$redis->start;
ok(back($t, 'alice', 'password'), 'a quick restart');
is($t->client->sign_in('alice')->stage, 'full', 'and a code is taken');


# Its scripts forgotten.

$redis->cmd('SCRIPT', 'FLUSH');
is($t->client->sign_in('alice')->stage, 'full', 'SCRIPT FLUSH goes unnoticed [attack 95]');


# A key of the wrong type.

$t->client->ready('carol');
my @keys = grep { /carol/ } $redis->keys;
cmp_ok(scalar @keys, '>=', 1, "an operator finds a user's key by name");
my %saved;
for my $key (@keys) {
    next unless $redis->cmd('TYPE', $key) eq 'hash';
    $saved{$key} = $redis->cmd('DUMP', $key);
    $redis->cmd('DEL', $key);
    $redis->cmd('LPUSH', $key, 'x');
}
cmp_ok(scalar keys %saved, '>=', 1, 'one hash a user');
$t->node->mark;
$c = $t->client;
my $r = $c->login('carol');
isnt($r->stage, 'full', 'a record of another type lets nobody in by password [attack 94]');
is_error($r, 503, 'unavailable', 'but is unavailable');
like($t->node->since, qr/WRONGTYPE|wrong (?:kind|type)|carol/i, 'the log helps');
is_error($t->client->get_json('/x'), 401, 'login_required', 'others are served');
for my $key (keys %saved) {
    $redis->cmd('DEL', $key);
    $redis->cmd('RESTORE', $key, 0, $saved{$key});
}
is($t->client->sign_in('carol')->stage, 'full', 'put right: works again');


# A record under an unknown key.

$t->client->ready('dave');
my $dave = $t->client;
$dave->sign_in('dave');
$t->keyring('other' => random_bytes(32));
ok($t->node->reload, 'reload with another keyring');
$t->node->mark;
$c = $t->client;
$r = $c->login('dave');
if ($r->status == 200) {
    is($r->stage, 'password', 'unknown key: a code is owed at least');
    $r = $c->code($t->otp('dave')->next_code);
}
is_error($r, 503, 'unavailable', 'unknown key: unavailable [attack 94]');
like($t->node->since, qr/key/, 'the log names the key');


# Emptied: nobody is taken for not enabled.

my $t2 = Totp::Test->new(users => [qw(alice bob)],
                         redis => { appendonly => 'yes' });
$alice = $t2->client->ready('alice');
$bob = $t2->client;
$bob->login('bob');
$t2->node->mark;
$t2->redis->cmd('FLUSHALL');
$c = $t2->client;
wait_until(sub { $c->login('alice')->status == 503 }, 3, 0.2);
$r = $c->login('alice');
is_error($r, 503, 'unavailable', 'FLUSHALL: unavailable');
isnt($r->stage, 'full', 'FLUSHALL: not in by password alone [attack 96]');
is_error($t2->client->login('bob'), 503, 'unavailable', 'for all');
ok(wait_until(sub { $t2->node->since =~ /redis-cli|SET|confirm/ }, 3),
   'the log tells the line that confirms the new store')
    or diag $t2->node->since;
nap(seconds(1));
$r = $c->login('alice');
is_error($r, 503, 'unavailable', 'it stays so');
$t2->finish;


# Exchanged for another store, while nginx ran.

my $t3 = Totp::Test->new(users => [qw(alice)]);
$t3->client->ready('alice');
$t3->redis->kill_hard;
$t3->redis->start;
$c = $t3->client;
wait_until(sub { $c->page('login')->status == 200 }, 5);
$r = undef;
for (1 .. 20) {
    $r = $c->login('alice');
    isnt($r->stage, 'full', 'an empty store after a restart: not in [attack 96]') if $_ == 20;
    last if $r->stage eq 'full';
    nap(0.15);
}
is_error($r, 503, 'unavailable', 'but unavailable');
$t3->finish;


# nginx started while Redis is away.

my $server = <<'END';
        totp on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
        location /open { totp off; proxy_pass http://%APP%;
                         access_log %PREFIX%/open.log who;
                         proxy_set_header X-User $totp_user;
                         proxy_set_header X-Stage $totp_stage; }
        location = /ping { totp off; proxy_pass http://%APP%; }
END

my $t4 = Totp::Test->new(users => [qw(alice bob)], start_redis => 0,
    redis => { appendonly => 'yes' }, server => $server,
    http => "totp_redis_connect_timeout 500ms;\n    totp_redis_timeout 1s;\n"
            . "    log_format who '[\$totp_user] [\$totp_stage]';");
is($t4->client->get('/ping')->status, 200, 'started while down: ungated works [attack 90]');
$c = $t4->client;
is_error($c->page('login'), 503, 'unavailable', 'started while down: login')
    if $c->page('login')->status != 200;
$c->page('login');
is_error($c->act('login', { username => 'bob', password => $t4->password('bob') }),
         503, 'unavailable', 'started while down: sign-in') if $c->{csrf};
$t4->redis->start;
ok(back($t4, 'bob', 'full'), 'comes up: works without a reload [attack 90]');
$alice = $t4->client->ready('alice');
through($alice->get('/x'), 'fully');

my $node = $t4->node;
ok($node->quit, 'stopped');
$t4->redis->kill_hard;
$node->start;
is($alice->get('/x')->status, 503,
   'started while down: a full session waits for the revocations');
is($alice->get('/ping')->status, 200, 'ungated works');

# nginx asks for a variable twice, for its length and for its bytes; what it is
# told first for a request holds to the end of it.

$t4->app->reset;
my $open = $alice->connect;
$open->send($alice->build('GET', '/open?delay=4'));
ok(wait_until(sub { $t4->app->hits }, 5), 'a request where the gate is off');
$t4->redis->start;
ok(wait_until(sub { $alice->get('/x')->status == 200 }, 12, 0.2),
   'comes up: the session is good');
is($open->response->status, 200, 'it is answered');
unlike(($t4->app->requests)[0]{head}, qr/^X-User:/mi, 'it named nobody');
my $log = "$node->{prefix}/open.log";
ok(wait_until(sub { -s $log }, 3) && slurp($log) eq "[-] [none]\n",
   'and does so to its end') or diag slurp($log);
is($alice->get('/open')->status, 200, 'another one');
like(($t4->app->requests)[-1]{head}, qr/^X-User: alice\r$/m, 'knows the name');
ok($node->quit, 'stopped once more');
$node->start;
through($alice->get('/x'),
        'while Redis answers, the first request waits for the revocations');
$t4->finish;


# Away for longer than totp_offline.

my $t5 = Totp::Test->new(users => [qw(alice)], server => $server,
    http => "totp_offline 3s;\n    log_format who 'x';");
$alice = $t5->client->ready('alice');
nap(seconds(4));
through($alice->get('/x'), 'a quiet feed is not a dead one');
$t5->redis->kill_hard;
through($alice->get('/x'), 'within totp_offline');
ok(wait_until(sub { $alice->get('/x')->status == 503 }, 10, 0.3),
   'after totp_offline: 503');
$r = $alice->get_json('/x');
is_error($r, 503, 'unavailable', 'as unavailable');
$t5->app->reset;
is($alice->get('/open')->status, 200, 'where the gate is off: goes through');
unlike(($t5->app->requests)[0]{head}, qr/^X-User:/mi, 'but names nobody any more');
$t5->finish;

$t->finish;

done_testing;
