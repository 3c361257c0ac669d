# The limits, complete: locks of the second factor that double up to a day, a
# hundred failures in a row, parallel guesses over two nodes, and the counters
# of failed passwords.  Time is not waited for: the documented fields and
# counters in Redis are written instead.

use Totp::Test;

my $t = Totp::Test->new(
    users => [qw(alice bob carol dave erin frank gina henry)], nodes => 2,
    http => <<'END', servers => <<'END2');
    totp_attempts  3 5m;
    totp_threads   2 max_queue=1024;
END
    server {
        listen         127.0.0.1:%PORT_many%;
        server_name    localhost;
        totp           on;
        totp_attempts  100 5m;
        totp_help      "Call Ms Sample, room 7.";
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2
my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);
my $NONE = '0000-0000-0000-0000';      # has the shape of a backup code

sub half {
    my ($user, @where) = @_;
    return $t->client(@where)->half($user);
}

sub record { my ($user, @field) = @_;
    return $redis->cmd('HGET', "totp:user:{default:$user}", @field) }

sub edit { my ($user, @pairs) = @_;
    return $redis->cmd('HSET', "totp:user:{default:$user}", @pairs) }

sub unlock { my ($user) = @_;
    return $redis->cmd('HDEL', "totp:user:{default:$user}",
                       qw(fails fails_from locks locked_until row)) }

sub redis_time { return $redis->cmd('TIME')->[0] }

# A good code of the present step, which stays good for a while.

sub present_code {
    my ($user) = @_;
    my $otp = $t->otp($user);
    my $step = $otp->step;
    $step = $otp->{last} + 1 if $step <= $otp->{last};
    $otp->used($step);
    return $otp->code_at_step($step);
}

# So many different wrong codes.

sub guesses {
    my ($otp, $n) = @_;
    my %not = map { ($_ => 1) } $otp->codes($otp->step - 14, 29);
    my @guess;
    while (@guess < $n) {
        my $g = sprintf '%06d', unpack('N', random_bytes(4)) % 1_000_000;
        push @guess, $g unless $not{$g}++;
    }
    return @guess;
}


# Locks double with each further n failures, up to a day.

$t->client->ready('alice');
my $alice = half('alice');
my $good = present_code('alice');
my $r;

for my $lock (0 .. 10) {
    my $want = 300 * 2 ** $lock;
    $want = 86400 if $want > 86400;

    is_error($alice->code($NONE), 401, 'bad_code', "lock $lock: first failure");
    is_error($alice->code($NONE), 401, 'bad_code', "lock $lock: second");
    my $from = redis_time();
    $r = $alice->code($NONE);
    my $to = redis_time();
    is_error($r, 401, 'bad_code', "[attack 28] lock $lock: the third is still looked at");
    is($r->json->{attempts_left}, 0, "lock $lock: no attempts left");

    my $until = record('alice', 'locked_until');
    ok($until >= $from + $want && $until <= $to + $want,
       "lock $lock: for $want seconds") or diag $until - $from;
    is(record('alice', 'locks'), $lock + 1, "lock $lock: is counted");

    $from = redis_time();
    $r = $alice->code($good);
    $to = redis_time();
    is_error($r, 429, 'locked', "[attack 21] [attack 28] lock $lock: a right code is locked");
    my $after = $r->header('Retry-After') || 0;
    ok($after >= $until - $to && $after <= $until - $from,
       "lock $lock: Retry-After says how long") or diag $after;
    is($r->json->{retry_after}, $after, "lock $lock: so does retry_after");
    is(record('alice', 'row'), 3 * ($lock + 1),
       "lock $lock: an attempt while locked is not counted");

    # the lock is over
    edit('alice', locked_until => redis_time() - 1);
}

is($alice->code($good)->stage, 'full',
   'the code that was refused while locked has not been looked at');
is(record('alice', $_), undef, "a success clears $_")
    for qw(fails fails_from locks locked_until row);

# The window counts from the first failure.

$alice = half('alice');
$alice->code($NONE) for 1 .. 2;
edit('alice', fails_from => redis_time() - 300);
is($alice->code($NONE)->json->{attempts_left}, 2,
   'failures of an earlier window do not count');
is(record('alice', 'row'), 3, 'but in the row');


# While locked: the password leads to stage password, others are not locked.

$t->client->ready('bob');
$t->client->ready('carol');
my $bob = half('bob');
$bob->code($NONE) for 1 .. 3;
is_error($bob->code($NONE), 429, 'locked', 'bob is locked');

for my $node (qw(a b)) {
    my $c = $t->client(node => $node, ip => fresh_ip());
    is($c->login('bob')->stage, 'password',
       "node $node: while locked, the right password leads to stage password");
    is_error($c->code(present_code('bob')), 429, 'locked',
             "node $node: from another address too");
    my $page = $c->get_html('/2fa/code');
    is($page->status, 200, "node $node: the code page is shown");
    $c->page('code');
    my $answer = $c->post_html('/2fa/code', { code => $NONE });
    is($answer->status, 429, "node $node: locked as a page");
    like($answer->header('Retry-After'), qr/^[1-9]\d*$/,
         "node $node: with Retry-After");
    is(half('carol', node => $node)->code(present_code('carol'))->stage, 'full',
       "node $node: another user at the same address is not locked");
}


# A hundred in a row, whatever the window: locked until an operator acts.

$t->client(port => 'many')->ready('dave');
my $dave = half('dave', port => 'many');
my %got;
my $left;
for (1 .. 100) {
    $r = $dave->code($NONE);
    $got{ $r->status . ' ' . $r->error }++;
    $left = $r->json->{attempts_left};
}
is_deeply(\%got, { '401 bad_code' => 100 }, 'a hundred failures are looked at');
is($left, 0, 'then no attempts are left');
$good = present_code('dave');

for my $when ('at once', 'after every lock has ended') {
    for my $node (qw(a b)) {
        my $c = half('dave', port => 'many', node => $node);
        $r = $c->code($good);
        is_error($r, 429, 'locked', "[attack 28] a hundred in a row: locked, $when, on $node");
        is($r->header('Retry-After'), undef, "no Retry-After, $when, on $node");
        ok(!exists $r->json->{retry_after}, "nor retry_after, $when, on $node");
    }
    edit('dave', locked_until => 0, fails => 0, fails_from => 0, locks => 0);
}
my $page = $dave->post_html('/2fa/code', { code => $NONE });
is($page->status, 429, 'as a page');
is($page->header('Retry-After'), undef, 'without Retry-After');
like($page->body, qr/Call Ms Sample, room 7\./, 'which says whom to ask');
unlock('dave');
is(half('dave', port => 'many')->code($good)->stage, 'full',
   '[attack 28] unlocked by an operator, the right code is accepted');

# The row ends the tries even where the window would allow more.

edit('dave', row => 98);
$dave = half('dave');
is($dave->code($NONE)->json->{attempts_left}, 1, 'the 99th: one is left');
is($dave->code($NONE)->json->{attempts_left}, 0, 'the 100th: none');
$r = $dave->code($NONE);
is_error($r, 429, 'locked', 'the 101st is locked');
is($r->header('Retry-After'), undef, 'for good');
unlock('dave');

edit('dave', row => 99, fails => 0);
is(half('dave')->code(present_code('dave'))->stage, 'full',
   'a right code as the hundredth attempt is accepted');
is(record('dave', 'row'), undef, 'and ends the row');


# Guessing over 500 connections to two nodes at once.

$t->client->ready('erin');
{
    my $otp = $t->otp('erin');
    my @c = map { half('erin', node => $_ % 2 ? 'a' : 'b') } 1 .. 6;
    my $right = present_code('erin');
    my @guess = guesses($otp, 500);
    my @r = Totp::Client->fire([ map { my $c = $c[$_ % 6];
        [$c, $c->build('POST', '/2fa/code',
            form => { csrf => $c->{csrf}, code => $guess[$_] }, @JSON)]
        } 0 .. 499 ], timeout => 60);
    my %got;
    $got{ $_->status . ' ' . $_->error }++ for @r;
    is_deeply(\%got, { '401 bad_code' => 3, '429 locked' => 497 },
              '[attack 22] of 500 guesses over two nodes three are looked at')
        or diag explain \%got;
    is(record('erin', 'row'), 3, 'three are counted');
    is(record('erin', 'locks'), 1, 'one lock');

    @r = Totp::Client->fire([ map { my $c = $c[$_ % 6];
        [$c, $c->build('POST', '/2fa/code',
            form => { csrf => $c->{csrf}, code => $right }, @JSON)] } 0 .. 19 ]);
    is(scalar(grep { $_->status == 429 } @r), 20,
       '[attack 22] the right code is locked on both nodes');
    is(half('carol', node => 'b')->code(present_code('carol'))->stage, 'full',
       'another user is not locked by that');
    unlock('erin');
    is(half('erin')->code($right)->stage, 'full',
       'and had not been looked at: it is good after the lock');
}


# Backup codes, set-ups and fresh checks count together, at once as well.

{
    my $frank = $t->client->ready('frank');
    $frank->page('setup');
    my $half = half('frank', node => 'b');
    my @guess = guesses($t->otp('frank'), 60);
    my @r = Totp::Client->fire([ map {
        my ($c, $path, $code) = @{ [ [$frank, 'code', $guess[$_]],
                                     [$frank, 'setup', $guess[$_]],
                                     [$half, 'code', $guess[$_]],
                                     [$half, 'code', $NONE] ]->[$_ % 4] };
        [$c, $c->build('POST', "/2fa/$path",
            form => { csrf => $c->{csrf}, code => $code }, @JSON)]
        } 0 .. 59 ]);
    my %got;
    $got{ $_->status . ' ' . $_->error }++ for @r;
    is_deeply(\%got, { '401 bad_code' => 3, '429 locked' => 57 },
              '[attack 24] one count for all that takes a code') or diag explain \%got;
    through($frank->get('/x'), 'who is signed in stays so');
}


# Passwords.  What is counted, and what a success takes back.

sub tries { my ($key) = @_; return $redis->cmd('GET', "totp:tries$key") || 0 }

sub tries_end_at {
    my ($key, $n, $what) = @_;
    return is($redis->settle("totp:tries$key", $n), $n, $what);
}

sub guess {
    my ($user, $ip, %where) = @_;
    return $t->client(ip => $ip, %where)->login($user, 'wrong-word');
}

for my $user (qw(gina no-such-user)) {
    my $ip = fresh_ip();
    is_error(guess($user, $ip, node => 'a'), 401, 'bad_credentials', "$user: a failure");
    is_error(guess($user, $ip, node => 'b'), 401, 'bad_credentials',
             "$user: one more, on the other node");
    tries_end_at(":{default:$user}:$ip", 2, "$user: counts for the pair");
    tries_end_at(":{default:$user}", 2, "$user: for the user");
    tries_end_at("-address:$ip", 2, "$user: for the address");

    for ([":{default:$user}:$ip", 300], [":{default:$user}", 3600],
         ["-address:$ip", 300])
    {
        my ($key, $most) = @$_;
        my $ttl = $redis->cmd('TTL', "totp:tries$key");
        ok($ttl > 0 && $ttl <= $most, "$user: totp:tries$key ends in time")
            or diag $ttl;
    }

    if ($user eq 'gina') {
        is($t->client(ip => $ip)->login('gina')->stage, 'full', 'then a success');
        tries_end_at(":{default:gina}:$ip", 2, 'is taken back for the pair');
        tries_end_at(':{default:gina}', 2, 'for the user');
        tries_end_at("-address:$ip", 2, 'and for the address');
    }

    is_error(guess($user, $ip), 401, 'bad_credentials', "$user: the third failure");
    $r = guess($user, $ip, node => 'b');
    is_error($r, 429, 'locked', "$user: the fourth is locked");
    my $after = $r->header('Retry-After') || 0;
    ok($after > 0 && $after <= 300, "$user: Retry-After") or diag $after;
    tries_end_at(":{default:$user}", $user eq 'gina' ? 2 : 3,
       "$user: what is locked counts no further");
    is(guess($user, fresh_ip())->status, 401, "$user: another address is not locked");
    is($t->client(ip => $ip)->login('henry')->stage, 'full',
       "$user: another user at that address is not locked");
}

# The address: 20 n.

{
    my $ip = fresh_ip();
    $redis->cmd('SET', "totp:tries-address:$ip", 59, 'EX', 200);
    is($t->client(ip => $ip)->login('henry')->stage, 'full',
       'address: a right password below the limit');
    is_error(guess('name-1', $ip), 401, 'bad_credentials',
             '[attack 27] address: the sixtieth failure is looked at');
    for my $node (qw(a b)) {
        $r = $t->client(ip => $ip, node => $node)->login('henry');
        is_error($r, 429, 'locked', "address: then all is locked on $node");
        my $after = $r->header('Retry-After') || 0;
        ok($after > 0 && $after <= 200, "address: Retry-After on $node") or diag $after;
    }
    is($t->client(ip => fresh_ip())->login('henry')->stage, 'full',
       'address: not at another one');
}

# The user: a hundred an hour, but for addresses that signed in lately.

{
    my $home = fresh_ip();
    is($t->client(ip => $home)->login('henry')->stage, 'full', 'user: signs in at home');
    ok(defined $redis->cmd('ZSCORE', 'totp:known:{default:henry}', $home),
       'user: which is known then');
    $redis->cmd('SET', 'totp:tries:{default:henry}', 99, 'EX', 3000);
    is_error(guess('henry', $home), 401, 'bad_credentials', 'user: a failure at home');
    tries_end_at(':{default:henry}', 99, 'user: does not count');
    is_error(guess('henry', fresh_ip()), 401, 'bad_credentials',
             'user: the hundredth failure is looked at');
    for my $node (qw(a b)) {
        $r = $t->client(ip => fresh_ip(), node => $node)->login('henry');
        is_error($r, 429, 'locked', "user: then he is locked on $node");
        my $after = $r->header('Retry-After') || 0;
        ok($after > 0 && $after <= 3000, "user: Retry-After on $node") or diag $after;
        is($t->client(ip => $home, node => $node)->login('henry')->stage, 'full',
           "user: but not at home, on $node");
    }
    guess('henry', $home) for 1 .. 2;
    is_error($t->client(ip => $home)->login('henry'), 429, 'locked',
             'user: n failures lock at home too');
    is($t->client(ip => fresh_ip())->login('gina')->stage, 'full',
       'user: another user is not locked');
}

# Enabled users are known where the code was right, not where the password was.

{
    my $ip = fresh_ip();
    my $c = half('carol', ip => $ip);
    is($redis->cmd('ZSCORE', 'totp:known:{default:carol}', $ip), undef,
       'an address with the password alone is not known');
    is($c->code(present_code('carol'))->stage, 'full', 'with the code');
    ok(defined $redis->cmd('ZSCORE', 'totp:known:{default:carol}', $ip), 'it is');
}

$t->finish;

done_testing;
