# Codes: algorithms, digits, periods, the window, replay, wrong clocks, and
# the lock.

use Totp::Test;

my @kinds = map { my $a = $_; map { [$a, $_] } 6, 8 } qw(sha1 sha256 sha512);
my $servers = '';

sub server {
    my ($port, $lines) = @_;
    $servers .= <<"END";
    server {
        listen       127.0.0.1:%PORT_$port%;
        server_name  localhost;
        totp         on;
        $lines
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
}

server("$_->[0]x$_->[1]", "totp_algorithm $_->[0]; totp_digits $_->[1];") for @kinds;
server('period', 'totp_period 60s;');
server('skew', 'totp_skew 1; totp_attempts 50 5m;');
server('wide', 'totp_attempts 50 5m;');
server('lock', 'totp_attempts 3 2s; totp_fresh 1s;');
server('four', 'totp_attempts 4 1h;');

my @users = qw(alice bob carol dave erin frank gina henry ivan);
my $t = Totp::Test->new(users => [@users, map { "$_->[0]x$_->[1]" } @kinds],
                        servers => $servers);


# Each enrolment has its own algorithm, digits and period, and keeps them.

for my $kind (@kinds, ['period', 0]) {
    my ($algorithm, $digits) = @$kind;
    my $name = $digits ? "${algorithm}x$digits" : 'period';
    my $user = $digits ? $name : 'ivan';
    my $c = $t->client(port => $name)->ready($user);
    my $otp = $t->otp($user);

    is($otp->{algorithm}, $algorithm, "$name: algorithm") if $digits;
    is($otp->{digits}, $digits, "$name: digits") if $digits;
    is($otp->{period}, $digits ? 30 : 60, "$name: period");
    my $d = $t->client(port => $name);
    is($d->sign_in($user)->stage, 'full', "[attack 15] $name: signs in");
    $d = $t->client;
    is($d->sign_in($user)->stage, 'full',
       "$name: also where the settings are others");
}


# The window: one step either side.

my $alice = do {
    local $t->{skew} = 1;
    $t->client(port => 'skew')->ready('alice');
};
my $otp = $t->otp('alice');
$otp->{skew} = 1;

sub half {
    my ($user, $port) = @_;
    return $t->client($port ? (port => $port) : ())->half($user);
}

# A user whose last accepted step is far back: enrolled at the oldest step of
# a wide window.

for my $case ([-1, 'bob'], [0, 'carol'], [1, 'dave']) {
    my ($off, $user) = @$case;
    $t->client->ready($user);
    my $o = $t->otp($user);
    $o->settle(8);
    my $c = half($user, 'skew');
    is($c->code($o->code_off($off))->stage, 'full', "step $off is accepted");
    $o->used($o->step + $off);
}

# Outside of it, and within ten: the clock is off.

$t->client->ready('erin');
my $erin = half('erin', 'skew');
$otp = $t->otp('erin');
for my $off (2, -2, 5, -6, 10, -10) {
    $otp->settle(8);
    my $r = $erin->code($otp->code_off($off));
    if ($off < 0 && $otp->step + $off <= $otp->{last}) {
        refused($r, "step $off, older than one accepted");
        next;
    }
    is_error($r, 401, 'clock_off', "[attack 17] step $off: clock_off");
    my $drift = $r->json->{drift};
    ok(defined $drift && $drift =~ /^-?\d+$/, "step $off: says by how much");
    cmp_ok(($drift || 0) * $off, '>', 0, "step $off: positive is ahead");
    cmp_ok(abs(abs($drift || 0) - 30 * abs $off), '<=', 45,
           "step $off: roughly right ($drift)");
}
for my $off (12, -12, 40) {
    is_error($erin->code($otp->code_off($off)), 401, 'bad_code',
             "step $off: bad_code");
}

# The burnt step is never accepted later.

$otp->settle(12);
my $ahead = $otp->step + 2;
my $burnt = $otp->code_at_step($ahead);
is_error($erin->code($burnt), 401, 'clock_off', 'a code two steps ahead');
my $wide = half('erin', 'wide');
my $r = $wide->code($burnt);
refused($r, '[attack 17] is not accepted where the window is wider');
isnt($r->stage, 'full', 'not at all');
$otp->used($ahead);
is($wide->code($otp->code_at_step($ahead + 1))->stage, 'full',
   'the one after it is');
$otp->used($ahead + 1);

# Its page says which way and how to put it right.

$t->client->ready('frank');
my $frank = half('frank', 'skew');
$t->otp('frank')->settle(8);
$r = $frank->post_html('/2fa/code', { code => $t->otp('frank')->code_off(5) });
is($r->status, 401, 'clock_off as a page');
like($r->body, qr/clock/i, 'names the clock');
like($r->body, qr/ahead|fast/i, 'and the direction');
like($r->body, qr/Android/, 'helps on Android');
like($r->body, qr/iOS|iPhone/, 'and iOS');


# No step twice, nor an earlier one.

$otp = $t->otp('alice');
$otp->{skew} = 3;
my $step = $otp->next_step;
my $c = half('alice');
my $later = $otp->next_step;
is($c->code($otp->code_at_step($later))->stage, 'full', 'a step');
$c = half('alice');
is_error($c->code($otp->code_at_step($later)), 401, 'code_used', '[attack 16] the same again');
$c = half('alice');
$r = $c->code($otp->code_at_step($step));
refused($r, '[attack 17] an earlier one');
isnt($r->error, '', 'is an error');


# How a code may be typed.

my %shape = (
    '123 456' => sub { $_[0] =~ s/^(...)/$1 /r },
    '123-456' => sub { $_[0] =~ s/^(...)/$1-/r },
    ' 123456 ' => sub { " $_[0] " },
    '1 2 3 4 5 6' => sub { join ' ', split //, $_[0] },
);
for my $name (sort keys %shape) {
    $c = half('bob');
    my $code = $t->otp('bob')->next_code;
    is($c->code($shape{$name}->($code))->stage, 'full', "typed as $name");
    is_error(half('bob')->code($code), 401, 'code_used',
             "[attack 18] typed as $name, then plain: used");
}

# What has neither shape is bad_code, and is not counted.

$c = half('carol', 'four');
for my $code ('', '1', '12345', '1234567', 'abcdef', '12345a', '+123456',
              "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96",
              '1e5', '0x1234', '1' x 400, 'k7m4-2qxp', '123,456', '-')
{
    $r = $c->code($code);
    is_error($r, 401, 'bad_code', '[attack 18] neither shape: ' . substr($code, 0, 12) =~ s/[^ -~]/?/gr);
}
$r = $c->code($t->otp('carol')->wrong_code);
is($r->json->{attempts_left}, 3, 'the first that counts is a wrong code');


# The lock: n failures within the time.

sub redis_time { return $t->redis->cmd('TIME')->[0] }

sub locked_until { return $t->redis->cmd('HGET', 'totp:user:{default:henry}', 'locked_until') }

$t->client(port => 'lock')->ready('henry');
$otp = $t->otp('henry');
$c = half('henry', 'lock');
for my $left (2, 1, 0) {
    $r = $c->code($otp->wrong_code);
    is_error($r, 401, 'bad_code', 'a wrong code is looked at');
    is($r->json->{attempts_left}, $left, "attempts_left $left");
}
my $until = locked_until();
$r = $c->code($otp->next_code);
is_error($r, 429, 'locked', '[attack 21] the next is locked, though right');
my $after = $r->header('Retry-After');
like($after, qr/^[1-3]$/, 'Retry-After');
is($r->json->{retry_after}, $after, 'retry_after');

my $again = $t->client(port => 'lock');
is($again->login('henry')->stage, 'password',
   'while locked the password leads to stage password');
is_error($again->code($otp->next_code), 429, 'locked',
         '[attack 23] the lock is for the user, not for a session');
my $from = $t->client(port => 'lock', ip => '127.0.0.44');
$from->login('henry');
is_error($from->code($otp->next_code), 429, 'locked', 'from another address too');
is(half('carol', 'lock')->code($t->otp('carol')->next_code)->stage, 'full',
   'another user is not locked');

ok(wait_until(sub { ($r = $c->code($otp->next_code))->status != 429 }, 8, 0.3),
   '[attack 21] the lock ends by itself');
cmp_ok(redis_time(), '>=', $until, 'after its time');
is($r->stage, 'full', 'and a right code is accepted');

# A success clears the count.

$c = half('henry', 'lock');
is($c->code($otp->wrong_code)->json->{attempts_left}, 2,
   'a success has cleared the count');
is($c->code($otp->wrong_code)->json->{attempts_left}, 1, 'second');
is($t->client(port => 'lock')->login('henry')->stage, 'password', 'the password');
is($c->code($otp->wrong_code)->json->{attempts_left}, 0,
   'does not clear it');

# Doubling with each further n.

is_error($c->code($otp->wrong_code), 429, 'locked', 'locked again');
wait_until(sub { $c->code($otp->wrong_code)->status != 429 }, 20, 0.25);

my $began;
for (1 .. 20) {
    $began = redis_time();
    last if ($c->code($otp->wrong_code)->json->{attempts_left} // 0) == 0;
}
$until = locked_until();
ok($until >= $began + 4 && $until <= redis_time() + 4, 'the second lock is twice as long')
    or diag $until - $began;

# Fresh checks and confirming a set-up count too.

$t->client(port => 'four')->ready('gina');
my $gina = $t->client(port => 'four');
is($gina->sign_in('gina')->stage, 'full', 'gina signs in');
is($gina->code($t->otp('gina')->wrong_code)->json->{attempts_left}, 3,
   'a fresh check counts');
$gina->page('setup');
is($gina->act('setup', { code => $t->otp('gina')->wrong_code })
   ->json->{attempts_left}, 2, 'confirming a set-up counts');
my $other = half('gina', 'four');
is($other->code('0000-0000-0000-0000')->json->{attempts_left}, 1,
   'a backup code counts');
is($other->code($t->otp('gina')->wrong_code)->json->{attempts_left}, 0,
   'signing in counts');
is_error($gina->code($t->otp('gina')->next_code), 429, 'locked',
         '[attack 24] all the same count');
is_error($gina->act('setup', { code => $t->otp('gina')->next_code }), 429, 'locked',
         'which locks confirming too');
through($gina->get('/x'), 'who is signed in stays so');

$t->finish;

done_testing;
