# Reloads, a change of the binary, workers that are killed, floods: nothing is
# left half done, nothing grows without an end, nothing is forgotten.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol)],
    http => "totp_redis_timeout 4s;\n    totp_attempts 100 5m;\n"
          . "    totp_threads 1 max_queue=8;",
    server => Totp::Test->default_server . <<'END');
        location /static { totp off; alias %DIR%/htpasswd.static; }
END
spew("$t->{dir}/htpasswd.static", "static\n");
my $node = $t->node;
my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);
my $alice = $t->client->ready('alice');

sub sent {
    my ($c, $page, $form) = @_;
    my $conn = $c->connect;
    $conn->send($c->build('POST', "/2fa/$page",
                          form => { csrf => $c->{csrf}, %$form }, @JSON));
    return $conn;
}

sub visitor { my $c = $t->client(ip => fresh_ip(), @_); $c->page('login'); return $c }


# A reload while Redis is asked: who has asked is answered, by the old worker.

my $half = $t->client;
$half->login('alice');
my $new = $t->client;
$new->login('carol');
my $setup = Totp::Otp->from_uri($new->page('setup')->json->{otpauth}, skew => 3);
my $bob = visitor();
my $code = $t->otp('alice')->next_code;
$redis->freeze;
my @waiting = (sent($bob, login => { username => 'bob', password => $t->password('bob') }),
               sent($half, code => { code => $code }),
               sent($new, setup => { code => $setup->next_code }));
nap(0.2);
my @old = $node->workers;
$node->signal('HUP');
ok(wait_until(sub { my %old = map { ($_ => 1) } @old;
                    grep { !$old{$_} } $node->workers }, 10), 'new workers come');
nap(0.2);
$redis->thaw;
my @r = map { $half->learn($_->response) } @waiting;
is(join(' ', map { $_->status . ' ' . ($_->stage || '-') } @r), '200 full 200 full 200 full',
   '[attack 103] who waited for Redis during a reload is answered')
    or diag map { $_->body } @r;
ok(wait_until(sub { my %old = map { ($_ => 1) } @old; !grep { $old{$_} } $node->workers }, 12),
   '[attack 103] then the old workers leave');
my $again = $t->client;
$again->login('alice');
is_error($again->code($code), 401, 'code_used', '[attack 103] and the code was spent');
ok($redis->cmd('HEXISTS', 'totp:user:{default:carol}', 'secret'),
   '[attack 103] and the set-up confirmed');


# Twenty reloads in a row, with traffic.

my %got;
$alice->ready('alice');
for my $i (1 .. 20) {
    $node->signal('HUP');
    $got{ $alice->get('/x')->status }++;
    $got{ $t->client->get('/x')->status }++ if $i % 5 == 0;
}
is_deeply(\%got, { 200 => 20, 401 => 4 }, '[attack 103] twenty reloads')
    or diag explain \%got;
ok(wait_until(sub { $node->workers == 2 }, 20), '[attack 103] two workers are left');
ok($node->reload, 'settled') && ok(wait_until(sub { $node->workers == 2 }, 12), 'again');


# Another binary takes over (USR2): the state is in Redis and in cookies.  nginx
# ignores the signal where its parent has not changed, so it is a daemon here.

my $gone = $alice->clone;
$alice->act('logout', {});
$alice->ready('alice');
ok($node->quit, 'quit');
is($node->{status}, 0, 'exit status');
my $pid_file = "$node->{prefix}/nginx.pid";
ok(system(Totp::Nginx::binary(), '-p', $node->{prefix}, '-c', $node->{file}, '-e',
          "$node->{prefix}/error.log") == 0, 'started as a daemon');
ok(wait_until(sub { ($node->{pid}) = slurp($pid_file) =~ /(\d+)/; $node->{pid}
                    && $node->workers == 2 }, 10), 'with its workers');
through($alice->get('/x'), 'a session goes on');
my $first = $node->{pid};
kill USR2 => $first;
my $second;
ok(wait_until(sub { ($second) = slurp($pid_file) =~ /(\d+)/;
                    $second && $second != $first && -e "$pid_file.oldbin"
                    && do { local $node->{pid} = $second; $node->workers == 2 } }, 15),
   '[attack 103] USR2: another nginx runs beside the first');
%got = ();
for (1 .. 20) { $got{ $alice->get('/x')->status . $gone->get('/x')->status }++ }
is_deeply(\%got, { 200401 => 20 },
          '[attack 103] both know who is in and who is out') or diag explain \%got;
kill QUIT => $first;
ok(wait_until(sub { local $node->{pid} = $first; !$node->workers }, 12),
   '[attack 103] the first leaves');
$node->{pid} = $second;
through($alice->get('/x'), '[attack 103] sessions go on');
is($gone->get('/x')->status, 401, '[attack 103] who was signed out stays so');
is($t->client->sign_in('alice')->stage, 'full', '[attack 103] one can sign in');
kill QUIT => $second;
ok(wait_until(sub { !-e $pid_file && !$node->workers }, 12), '[attack 103] so does the second');
delete $node->{pid};
$node->start;


# Workers killed while a sign-in is under way: it was counted, and the next one
# is like any other.

$bob = visitor();
my $key = "totp:tries:{default:bob}:$bob->{ip}";
$half = $t->client;
$half->login('alice');
my $record = 'totp:user:{default:alice}';
my $fails = $redis->cmd('HGET', $record, 'fails') || 0;
$redis->freeze;
@waiting = (sent($bob, login => { username => 'bob', password => $t->password('bob') }),
            sent($half, code => { code => $t->otp('alice')->wrong_code }));
nap(0.3);
@old = $node->workers;
kill KILL => @old;
push @{ $t->{allow} }, map { qr/\[alert\].*worker process $_ exited on signal 9/ } @old;
$redis->thaw;
ok(wait_until(sub { my %old = map { ($_ => 1) } @old;
                    2 == grep { !$old{$_} } $node->workers }, 10), 'new workers come');
$_->close for @waiting;
ok(wait_until(sub { ($redis->cmd('GET', $key) || 0) == 1 }, 5),
   '[attack 104] the password that was sent is counted');
ok(wait_until(sub { ($redis->cmd('HGET', $record, 'fails') || 0) == $fails + 1 }, 5),
   '[attack 104] so is the code');
cmp_ok($redis->cmd('TTL', $key), '>', 0, '[attack 104] and will be forgotten');
is($bob->act('login', { username => 'bob', password => $t->password('bob') })->stage,
   'full', '[attack 104] sent again, it is accepted');
is($half->code($t->otp('alice')->next_code)->stage, 'full', '[attack 104] the code as well');


# A flood of names that do not exist: what it leaves is little, and ends.

sub keys_of { return grep { /flood/ } $redis->keys }

my $c = visitor();
my $n = 0;
%got = ();
for my $round (1 .. 20) {
    my @jobs;
    for (1 .. 50) {
        $c->{ip} = fresh_ip() if $_ % 10 == 0;
        push @jobs, [$c->clone, $c->build('POST', '/2fa/login', form => {
            username => 'flood' . ++$n, password => 'wrong-word', csrf => $c->{csrf} },
            @JSON)];
    }
    $got{ $_->status }++ for Totp::Client->fire(\@jobs);
}
is_deeply([ grep { !/\A(?:401|503)\z/ } keys %got ], [], '[attack 105] a thousand names')
    or diag explain \%got;
cmp_ok(scalar(my @left = keys_of()), '<=', 2 * $n,
       '[attack 105] two counters each, no more');
my @endless = grep { $redis->cmd('TTL', $_) <= 0 } @left;
is(scalar @endless, 0, '[attack 105] which end') or diag "@endless[0 .. 3]";
is(scalar(grep { /\Atotp:(?:user|events|known|spent)/ } @left), 0,
   '[attack 105] no record of anybody');
is(visitor()->login('bob')->stage, 'full', '[attack 105] others sign in');


# A flood of revocations: a zone that is full ends all sessions rather than
# forget one, and then goes on.

$t->add_node('small', http => 'totp_zone totp:32k;')->start;
my @codes = @{ $alice->{enrolled}{codes} };

sub sign_in_small {
    my $c = $t->client(node => 'small');
    $c->login('alice');
    $c->code(shift @codes);
    return $c;
}

my $out = sign_in_small();
$out->clone->act('logout', {});
my $before = sign_in_small();
through($before->get('/x'), 'a session');
my $until = int(now()) + 3000;
$redis->cmd('EVAL', "for i = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'sid', "
    . "string.format('%032x', i), 'until', ARGV[1]) end", 1, 'totp:revoked', $until);
ok(wait_until(sub { $t->node('small')->error_log =~ /totp_zone "totp" is full/ }, 5),
   '[attack 105] the zone is full, and the log says so');
ok(wait_until(sub { $before->get('/x')->status == 401 }, 5),
   '[attack 105] sessions of before end');
is($out->get('/x')->status, 401, '[attack 105] none that was signed out comes back');
nap(1.1);
my $after = sign_in_small();
through($after->get('/x'), '[attack 105] a new one is good');
my $copy = $after->clone;
$after->act('logout', {});
ok(wait_until(sub { $copy->get('/x')->status == 401 }, 3),
   '[attack 105] and is over when it is signed out');
through($alice->get('/x'), '[attack 105] a node with room has not forgotten it');
$redis->cmd('DEL', 'totp:revoked');


# A flood of slow passwords: the queue ends, and nobody else waits.

$t->htpasswd(slow => crypt 'slow-word', '$2b$10$abcdefghijklmnopqrstuu');
ok(wait_until(sub { visitor()->login('slow', 'slow-word')->status == 200 }, 15, 0.4),
   'a user with a slow hash');
$c = visitor();
@waiting = map { $c->{ip} = fresh_ip() if $_ % 20 == 0;
                 sent($c, login => { username => 'slow', password => 'wrong-word' }) } 1 .. 60;
my @static = map { $t->client->get('/static')->body } 1 .. 10;
ok(scalar(grep { !IO::Select->new($_->{sock})->can_read(0) } @waiting),
   '[attack 106] ten files were served while passwords wait');
is_deeply(\@static, [ ("static\n") x 10 ], '[attack 106] and whole');
through($alice->get('/x'), '[attack 106] so was a session');
%got = ();
$got{ $_->response(timeout => 30)->status }++ for @waiting;
is_deeply([ sort keys %got ], [401, 503],
          '[attack 106] of sixty some are looked at, the others told to come back')
    or diag explain \%got;
ok(wait_until(sub { visitor()->login('slow', 'slow-word')->status == 200 }, 15, 0.4),
   '[attack 106] and the queue runs empty');

$t->finish;

done_testing;
