# Clients that go away at each waiting point leave nothing behind.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)],
    http => "totp_redis_timeout 2s;\n    client_body_timeout 3s;\n"
          . "    totp_threads 2 max_queue=256;");
my $redis = $t->redis;

$t->htpasswd(slow => crypt 'slow-word', '$2b$09$abcdefghijklmnopqrstuu');
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('slow', 'slow-word')
                    ->status == 200 }, 10, 0.3), 'a user with a slow hash');

my $alice = $t->client->ready('alice');
my $half = $t->client;
$half->login('alice');
my $bob = $t->client;
$bob->login('bob');

# Every worker has its connections to Redis before we count.

Totp::Client->fire([ map { my $c = $t->client; $c->page('login');
    [$c, $c->build('POST', '/2fa/login', form => { username => 'bob',
     password => $t->password('bob'), csrf => $c->{csrf} })] } 1 .. 20 ]);
nap(0.3);
my $before = $t->settled;
my @workers = $t->node->workers;

sub check {
    my ($name) = @_;

    my $after = $t->settled(fd => $before->{fd} + 2,
                            clients => $before->{clients});

    cmp_ok($after->{fd}, '<=', $before->{fd} + 2, "$name: descriptors go back")
        or diag explain [$before, $after];
    cmp_ok($after->{clients}, '<=', $before->{clients},
           "$name: clients of Redis go back");
    is_deeply([ $t->node->workers ], \@workers, "$name: the same workers");
    through($alice->get('/x'), "$name: all is well");
}

sub abort {
    my ($n, $client, $raw, %o) = @_;

    my @conn;

    for my $i (1 .. $n) {
        my $c = $client->connect;
        $c->send($o{cut} ? substr $raw, 0, $o{cut} : $raw);
        push @conn, $c;
    }
    nap($o{wait}) if $o{wait};
    for my $i (0 .. $#conn) { $i % 2 ? $conn[$i]->reset : $conn[$i]->close }
}

my @JSON = (headers => [Accept => 'application/json']);

sub login_raw {
    my ($user, $password) = @_;
    my $c = $t->client(ip => fresh_ip());
    $c->page('login');
    return ($c, $c->build('POST', '/2fa/login', form => { username => $user,
        password => $password, csrf => $c->{csrf} }, @JSON));
}


# In the middle of the head and of the body.

my ($c, $raw) = login_raw('bob', $t->password('bob'));
abort(40, $c, $raw, cut => 30);
abort(40, $c, $raw, cut => length($raw) - 10);
abort(20, $c, $raw, cut => length($raw) - 1, wait => 0.1);
check('body');

my $stuck = $c->connect;
$stuck->send(substr $raw, 0, length($raw) - 5);
my $r = $stuck->response(timeout => 8);
ok($r->status == 408 || $r->status == 0,
   '[attack 61] a body that never ends is given up');
$stuck->close;
check('stalled body');


# While the password is hashed.

($c, $raw) = login_raw('slow', 'slow-word');
abort(30, $c, $raw, wait => 0.01);
($c, $raw) = login_raw('slow', 'slow-word');
abort(30, $c, $raw, wait => 0.2);
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('slow', 'slow-word')
                    ->status == 200 }, 20, 0.3), 'the queue runs empty');
check('hash');


# While Redis is asked.

($c, $raw) = login_raw('bob', $t->password('bob'));
$redis->freeze;
abort(40, $c, $raw, wait => 0.3);
abort(40, $half, $half->build('POST', '/2fa/code', form => {
    code => '123456', csrf => $half->{csrf} }, @JSON), wait => 0.3);
abort(20, $bob, $bob->build('GET', '/2fa/setup', @JSON), wait => 0.2);
abort(20, $bob, $bob->build('POST', '/2fa/setup', form => {
    code => '123456', csrf => $bob->{csrf} }, @JSON), wait => 0.2);
abort(20, $alice, $alice->build('GET', '/2fa/settings', @JSON), wait => 0.2);
abort(20, $alice, $alice->build('POST', '/2fa/backup-codes', form => {
    csrf => $alice->{csrf}, more => 1 }, @JSON), wait => 0.2);
abort(20, $alice, $alice->build('GET', '/2fa/backup-codes', @JSON), wait => 0.1);
$redis->thaw;
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('bob')->status == 200 },
              10, 0.2), 'Redis is back');
check('Redis');


# Redis dies while it is asked, and the clients are gone by then.

($c, $raw) = login_raw('bob', $t->password('bob'));
$redis->freeze;
abort(30, $c, $raw, wait => 0.2);
my @waiting = map { my $x = $c->connect; $x->send($raw); $x } 1 .. 10;
nap(0.2);
$redis->thaw;
my @status = map { $_->response->status } @waiting;
# those who left were counted: who stays may have to wait for it
is(scalar(grep { $_ == 200 || $_ == 429 || $_ == 503 } @status), 10,
   'who stays is answered') or diag "@status";
$_->close for @waiting;
check('both');


# On keep-alive connections, with requests pipelined behind.

for (1 .. 20) {
    my $conn = $alice->connect;
    $conn->send($alice->build('GET', '/2fa/settings', keep => 1, @JSON) x 3
                . $alice->build('GET', '/x', keep => 1));
    $_ % 2 ? $conn->reset : $conn->close;
}
check('pipelined');


# A wrong code, and away before the answer: it counted.

$t->htpasswd(dave => '{PLAIN}dave-word-1');
my $dave = $t->client;
ok(wait_until(sub { $dave->{ip} = fresh_ip();
                    $dave->login('dave', 'dave-word-1')->status == 200 }, 10, 0.3),
   'another user');
$dave->enroll('dave');
my $d = $t->client;
$d->login('dave', 'dave-word-1');
my $otp = $t->otp('dave');
for (1 .. 3) {
    my $conn = $d->connect;
    $conn->send($d->build('POST', '/2fa/code', form => { csrf => $d->{csrf},
        code => $otp->wrong_code }, @JSON));
    nap(0.002);
    $conn->close;
}
nap(0.5);
is($d->code($otp->wrong_code)->json->{attempts_left}, 1,
   'attempts of clients that went away count');

$t->finish;

done_testing;
