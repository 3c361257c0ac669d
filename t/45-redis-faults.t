# Every fault of an answer at every step of every journey: whoever asked is told
# `unavailable`, nobody gets in or out by it, another user's answer is never
# taken for theirs, the connection is dropped where its order is unknown, and
# all works again without touching nginx.

use Totp::Test;
use Totp::FakeRedis;
use Totp::Faults;
use Totp::Lanes;

use constant LANES => 8;

my @steps;


# THE STEPS.  make prepares a visitor and gives the request, as a code that may
# be called any number of times: a step whose script never ran changes nothing.
# script: which of the commands that name the user (or, address: the client's
# address) meets the fault.  bytes: so many has the answer, about.  gate: what an
# application's gate says to the visitor as long as the step has not been taken.
# done: what is wrong with the answer when it has.

sub step { my ($name, %o) = @_;
    push @steps, { name => $name, script => 0, gate => 401, status => 503, %o };
    return }

my $PASSWORD = sub { my ($r) = @_; return $r->stage ne 'password' };
my $FULL = sub { my ($r) = @_; return $r->stage ne 'full' };
my $OK = sub { my ($r) = @_; return $r->status != 200 };

step('reserve', make => \&signing_in, done => $PASSWORD, bytes => 40);
step('reserve of the address', make => \&signing_in, address => 1,
     done => $PASSWORD);
step('sign in', make => \&signing_in, script => 1, done => $PASSWORD);
step('sign in, no second factor', make => \&signing_in, script => 1, new => 1,
     done => $FULL);
step('sign in over a session', make => \&signing_in_again, script => 1,
     gate => 200, done => $PASSWORD);
step('refund', make => \&signing_in, address => 1, script => 1, status => 200,
     done => $PASSWORD);
step('refund of a refused try', make => \&refused_try, address => 1,
     script => 1, status => 429, done => sub { $_[0]->status != 429 });
step('code attempt', make => \&owing, done => $FULL);
step('accept', make => \&owing, script => 1, done => $FULL);
step('accept and reseal', make => \&owing, script => 1, old => 1,
     done => $FULL);
step('backup code', make => \&owing_backup, script => 1, done => $FULL);
step('burn', make => \&off, script => 1,
     done => sub { $_[0]->error ne 'clock_off' });
step('fresh check, attempt', make => \&fresh, gate => 200, done => $FULL);
step('fresh check, accept', make => \&fresh, gate => 200, script => 1,
     done => $FULL);
step('setup pending', make => got('setup'), new => 1, done => $OK,
     bytes => 100);
step('setup attempt', make => \&confirming, new => 1, done => $OK);
step('enable', make => \&confirming, new => 1, script => 1, done => $OK);
step('new phone, attempt', make => \&confirming, gate => 200, done => $OK);
step('new phone', make => \&confirming, gate => 200, script => 1, done => $OK);
step('backup codes shown', make => got('backup-codes'), gate => 200,
     done => sub { !defined $_[0]->json->{expires_in} });
step('more', make => sent('backup-codes', { more => 1 }), gate => 200,
     done => $OK);
step('renew', make => sent('backup-codes', {}), gate => 200, done => $OK);
step('settings', make => got('settings'), gate => 200, bytes => 120,
     done => sub { !$_[0]->json->{enabled} });
step('disable', make => sent('disable', {}), gate => 200, done => $OK);
step('sign out', make => sent('logout', {}), gate => 200, done => $OK);
step('sign out, owing a code', make => \&leaving, done => $OK);
step('everywhere', make => sent('logout', { everywhere => 1 }), gate => 200,
     done => $OK);

for my $i (0 .. $#steps) { @{ $steps[$i] }{qw(user no)} = ("s$i", $i) }


# THE RIG: a node with one worker for each lane, so that a visitor meets the
# connection that a fault was meant for.  k1 is where the users come from whose
# secret is to be sealed anew.

my $slow = int seconds(1000);
my %conf = (http => "totp_redis_connect_timeout ${slow}ms;\n"
    . "    totp_redis_timeout ${slow}ms;\n    totp_attempts 100 1h;\n"
    . "    totp_fresh 1h;\n    totp_login_timeout 1h;\n"
    . '    totp_backup_codes_display 10m;');
my @k1 = (k1 => random_bytes(32));
my $t = Totp::Test->new(nodes => 0, %conf, users => [
    (map { $_->{user} } @steps), (map { ("by$_", "a$_", "b$_") } 1 .. LANES),
    map { "e$_" } 1 .. 40 ]);
my $redis = $t->redis;

$t->keyring(@k1);
my $home = $t->add_node('home')->start;
my %enrolled;

for my $step (grep { !$_->{new} } @steps) {
    next unless $step->{old};
    $enrolled{ $step->{user} } = $t->client->ready($step->{user});
}

$t->keyring(k2 => random_bytes(32), @k1);
$home->reload or die 'reload';

for my $step (grep { !$_->{new} && !$_->{old} } @steps) {
    $enrolled{ $step->{user} } = $t->client->ready($step->{user});
}

for my $user ((map { ("by$_", "a$_") } 1 .. LANES), map { "e$_" } 1 .. 40) {
    $enrolled{$user} = $t->client->ready($user);
}

my @lanes = map { lane($_) } 1 .. LANES;


sub lane {
    my ($i) = @_;

    my ($node, $fake) = lane_node($t, $i, %conf);

    # who stands by, and is known by the times in the record

    $redis->cmd('HSET', key("by$i"), enabled_at => 1_000_000 + $i,
                last_used_at => 2_000_000 + $i);

    return { i => $i, node => $node, fake => $fake, ip => "127.78.$i.1",
             by => $enrolled{"by$i"}->clone(port => $node->port) };
}


sub key { my ($user, $kind) = @_;
    return 'totp:' . ($kind || 'user') . ":{default:$user}" }


# THE VISITORS

sub visitor {
    my ($lane) = @_;

    return $t->client(node => "n$lane->{i}", ip => $lane->{ip});
}


sub enrolled {
    my ($lane, $user) = @_;

    return $enrolled{$user}->clone(port => $lane->{node}->port,
                                   ip => $lane->{ip});
}


sub get { my ($c, $page) = @_;
    return [ $c, $c->build('GET', "/2fa/$page",
                           headers => [ Accept => 'application/json' ]) ] }

sub post { my ($c, $page, %form) = @_;
    return [ $c, $c->build('POST', "/2fa/$page",
                           form => { %form, csrf => $c->{csrf} },
                           headers => [ Accept => 'application/json' ]) ] }

sub got { my ($page) = @_; return sub {
    my $c = session(@_); return ($c, sub { get($c, $page) }) } }

sub sent { my ($page, $form) = @_; return sub {
    my $c = session(@_); return ($c, sub { post($c, $page, %$form) }) } }


# Whoever is signed in, with what second factor the user has.

sub session {
    my ($lane, $user) = @_;

    return enrolled($lane, $user) if $enrolled{$user};

    my $c = visitor($lane);
    $c->login($user)->stage eq 'full' or die "login of $user";

    return $c;
}


sub form { my ($user) = @_;
    return (username => $user, password => $t->password($user)) }


sub signing_in {
    my ($lane, $user) = @_;

    my $c = visitor($lane);
    $c->page('login');

    return ($c, sub { post($c, 'login', form($user)) });
}


sub signing_in_again {
    my ($lane, $user) = @_;

    my $c = enrolled($lane, $user);

    return ($c, sub { post($c, 'login', form($user)) });
}


# The pair of user and address has had its tries, the address has not: what was
# counted for that is taken back.

sub refused_try {
    my ($lane, $user) = @_;

    my $c = visitor($lane);
    $c->page('login');

    return ($c, sub {
        $redis->cmd('SET', key($user, 'tries') . ":$lane->{ip}", 1000, 'EX', 99);
        return post($c, 'login', form($user));
    });
}


sub half {
    my ($lane, $user) = @_;

    my $c = visitor($lane);
    $c->login($user)->stage eq 'password' or die "login of $user";

    return $c;
}


# The newest code there is, which is good for minutes.

sub code {
    my ($otp) = @_;

    my $c = $otp->{newest} ||= [ 0 ];

    @$c = (now(), $otp->code_at_step($otp->step + $otp->{skew}))
        if now() - $c->[0] > 20;

    return $c->[1];
}


sub owing {
    my ($lane, $user) = @_;

    my $c = half($lane, $user);

    return ($c, sub { post($c, 'code', code => code($t->otp($user))) });
}


sub owing_backup {
    my ($lane, $user) = @_;

    my $c = half($lane, $user);
    my $code = $enrolled{$user}{enrolled}{codes}[0];

    return ($c, sub { post($c, 'code', code => $code) });
}


sub off {
    my ($lane, $user) = @_;

    my $c = half($lane, $user);

    return ($c, sub { post($c, 'code', code => $t->otp($user)->code_off(7)) });
}


sub fresh {
    my ($lane, $user) = @_;

    my $c = enrolled($lane, $user);

    return ($c, sub { post($c, 'code', code => code($t->otp($user))) });
}


sub confirming {
    my ($lane, $user) = @_;

    my $c = session($lane, $user);
    my $otp = Totp::Otp->from_uri($c->page('setup')->json->{otpauth}, skew => 3);

    return ($c, sub { post($c, 'setup', code => code($otp)) });
}


sub leaving {
    my ($lane, $user) = @_;

    my $c = half($lane, $user);

    return ($c, sub { post($c, 'logout') });
}


# THE FAULTS

# The commands of a step.

sub command {
    my ($lane, $step, $what) = @_;

    my $name = $step->{address} ? "tries-address:\Q$lane->{ip}\E "
                                : "\\{default:$step->{user}\\}";

    return qr/^$what .*$name/s;
}


# What the one who stands by is shown is the own record, or nothing.

sub by_wrong {
    my ($lane, $r) = @_;

    return '' if $r->status == 503;

    my $got = join ' ', $r->status, map { defined $_ ? $_ : '-' }
        @{ $r->json }{qw(enabled_at last_used_at)};
    my $want = join ' ', 200, 1_000_000 + $lane->{i}, 2_000_000 + $lane->{i};

    return $got eq $want ? '' : "who stands by got $got";
}


# Until scripts are answered.  What was dropped gets a moment to prove itself, by
# an answer after it, or the next back-off would be longer.

sub recovered {
    my ($lane, $dropped) = @_;

    my @r;
    my $began = now();
    my $ok = wait_until(sub {
        @r = Totp::Client->fire([ get($lane->{by}, 'settings') ]);
        return $r[0]->status == 200;
    }, 12, 0.01);
    return 'no recovery' unless $ok;

    # A connection that lived for as long as the back-off before it is forgiven:
    # else each drop makes the next wait longer, up to five seconds.

    if ($dropped) {
        my $took = 2.2 * (now() - $began);
        nap($took > 0.12 ? $took : 0.12);
        push @r, Totp::Client->fire([ get($lane->{by}, 'settings') ]);
    }

    return join '', map { by_wrong($lane, $_) } @r;
}


# What earlier tries left in Redis would lock the user.

sub forgive {
    my ($lane, $user) = @_;

    $redis->cmd('DEL', key($user, 'tries'),
                key($user, 'tries') . ":$lane->{ip}",
                "totp:tries-address:$lane->{ip}");
    $redis->cmd('HDEL', key($user), qw(fails fails_from locks locked_until row));

    return;
}


sub outage {
    my ($r, $want) = @_;

    return $r->status == $want ? '' : 'answered ' . $r->status . ' ' . $r->body
        if $want != 503;
    return 'answered ' . $r->status . ' ' . $r->body
        if $r->status != 503 || $r->error ne 'unavailable';
    return 'no Retry-After' if ($r->header('Retry-After') || '') !~ /\A[1-9]\d*\z/;
    return 'a cookie is changed' if $r->set_cookies;
    return '';
}


sub verdict {
    my ($name, @wrong) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    @wrong = grep { defined $_ && $_ ne '' } @wrong;

    return ok(!@wrong, $name) || (diag(join "\n", @wrong), 0)[1];
}


sub inject {
    my ($lane, $step, $fault, $c, $request) = @_;

    my $fake = $lane->{fake};
    my $before = $fake->accepted;
    my $dropped = $fault->{then} eq 'drop';

    forgive($lane, $step->{user});
    $fake->rule(command($lane, $step, 'EVAL(?:SHA)?'), @{ $fault->{rule} },
                skip => $step->{script});

    my @r = Totp::Client->fire([ $request->(), get($lane->{by}, 'settings') ]);

    # nobody waits for a refund: it may leave after the answer

    my $hits = wait_until(sub { $fake->hits }, 5, 0.005);

    $fake->clear;

    my @wrong = (outage($r[0], $step->{status}), by_wrong($lane, $r[1]),
                 $hits ? '' : 'the fault was not met',
                 recovered($lane, $dropped));

    my $gate = $c->get_json('/x')->status;
    push @wrong, "the gate says $gate" if $gate != $step->{gate};

    my $new = $fake->accepted - $before;
    push @wrong, $new ? 'dropped all the same' : 'not dropped'
        if ($fault->{then} eq 'keep') != ($new == 0);

    return verdict("$step->{name}, $fault->{name} "
                   . ($fault->{name} =~ /READONLY|MASTERDOWN/ ? '[attack 97]'
                      : $fault->{then} eq 'keep' ? '[attack 95]' : '[attack 93]'),
                   @wrong);
}


# With all faults over the step is taken, even by scripts that Redis has
# forgotten, and byte by byte.

sub take {
    my ($lane, $step, $c, $request) = @_;

    my $fake = $lane->{fake};

    forgive($lane, $step->{user});
    $fake->rule(command($lane, $step, 'EVALSHA'),
                reply => r_error('NOSCRIPT No matching script.'));
    $fake->rule('*', split => 'each', pause => 0);

    my ($r) = Totp::Client->fire([ $request->() ]);
    $fake->clear;

    return verdict("$step->{name}, over: done, by EVAL, byte by byte [attack 95]",
                   $step->{done}->($r) ? $r->status . ' ' . $r->body : '',
                   recovered($lane));
}


# An answer cut in two at each byte is an answer.

sub split_at {
    my ($lane, $step, $request) = @_;

    my @wrong;
    my $n = 0;

    for my $at (1 .. $step->{bytes}) {
        forgive($lane, $step->{user});
        $lane->{fake}->rule(command($lane, $step, 'EVAL(?:SHA)?'),
                            split => $at, pause => 0.001);
        my ($r) = Totp::Client->fire([ $request->() ]);
        $lane->{fake}->clear;
        push @wrong, "$at: " . $r->status . ' ' . $r->body
            if $step->{done}->($r);
        $n++;
    }

    verdict("$step->{name}, split at each byte [attack 93]", @wrong);

    return $n;
}


sub steps_of {
    my ($lane, @mine) = @_;

    my $n = 0;
    my @kb = memory($lane);

    for my $step (@mine) {
        my ($c, $request) = $step->{make}->($lane, $step->{user});

        for my $fault (some_faults($step->{no})) {
            inject($lane, $step, $fault, $c, $request);
            $n++;
        }

        $n += split_at($lane, $step, $request)
            if $step->{bytes};

        take($lane, $step, $c, $request);
    }

    # An announcement of a gigabyte is not believed, not even for a moment.  (All
    # memory: threads reserve 64 MB each for their heaps when they first need one.
    # A sanitizer keeps for a while what was freed.)

    my @more = memory($lane);
    my @limit = map { $_ * ($ENV{TOTP_WRAP} || $ENV{ASAN_OPTIONS} ? 8 : 1) } 32_000, 500_000;
    cmp_ok($more[$_] - $kb[$_], '<', $limit[$_],
           ('resident', 'all')[$_] . ' memory is bounded [attack 93]') for 0, 1;

    return $n;
}


# kB: resident now, and of addresses at the most.

sub memory {
    my ($lane) = @_;

    my ($pid) = $lane->{node}->workers;

    return map { $_ || 0 }
        slurp("/proc/$pid/status") =~ /^VmPeak:\s+(\d+).*^VmRSS:\s+(\d+)/ms
        ? ($2, $1) : (0, 0);
}


my @mine;
for my $i (0 .. $#steps) { push @{ $mine[$i % LANES] }, $steps[$i] }

lanes($t, map { my $lane = $_; ("lane $lane->{i}" => sub {
    my $n = steps_of($lane, @{ $mine[$lane->{i} - 1] });
    diag("faults: $n");
}) } @lanes);

$t->finish;

done_testing;
