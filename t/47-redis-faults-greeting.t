# Every fault at the beginning of a connection (AUTH, SELECT, PING, and what one
# worker asks about memory and persistence), unasked speech, and every fault of
# the heartbeat: no script is sent before the greeting has been answered, or
# behind an answer that was none.

use Totp::Test;
use Totp::FakeRedis;
use Totp::Faults;
use Totp::Lanes;

# strict: such a connection is of no use.  Else an answer of another kind, or an
# error, is what an ACL or an old Redis might say, and only what is not RESP
# costs the connection.

my @PLACES = (
    { name => 'AUTH', re => qr/^AUTH /, strict => 1, sound => 'a status' },
    { name => 'SELECT', re => qr/^SELECT /, strict => 1, sound => 'a status' },
    { name => 'PING', re => qr/^PING$/, strict => 1, sound => 'PONG|NOPERM' },
    { name => 'INFO memory', re => qr/^INFO memory/ },
    { name => 'INFO persistence', re => qr/^INFO persistence/ },
    { name => 'CONFIG GET', re => qr/^CONFIG / },
);

my @UNASKED = (
    ['too many clients', "-ERR max number of clients reached\r\n"],
    ['protected mode', "-DENIED Redis is running in protected mode\r\n"],
    ['answers before questions', "+OK\r\n+OK\r\n+PONG\r\n"],
    ['HTML', "<html>\r\n"], ['a bulk of 1 GB', "\$1073741824\r\n"],
    ['a TLS alert', "\x15\x03\x03\x00\x02\x02\x46"],
);

my @HEARTBEATS = grep { $_->{name} !~ /^(?:PONG|NOPERM)$/ }
                 (errors(), types(), (lengths())[0, 1, 8, 9], (garbage())[0, 2],
                  (cuts())[0, 2], silences());

my $secret = 'redis-pw-' . random_hex(8);
my $ms = int seconds(1000);
my %conf = (redis => ' db=2 user=totp password_file=%DIR%/redis.pw',
    http => "totp_redis_connect_timeout ${ms}ms;\n"
            . "    totp_redis_timeout ${ms}ms;");
my $t = Totp::Test->new(nodes => 0, users => [ map { "u$_" } 0 .. 9 ]);

secret_add(password => $secret);
spew($t->dir . '/redis.pw', "$secret\n", 0600);
$t->redis->cmd('ACL', 'SETUSER', 'totp', 'on', ">$secret", '~*', '&*', '+@all');

# The heartbeat comes after ten seconds of silence: one worker for each fault,
# all at the same time, while the greetings have theirs.

my ($many, $beats) = lane_node($t, 'many', %conf,
                               workers => scalar @HEARTBEATS);
my @lanes;

for my $i (0 .. $#PLACES) {
    my ($node, $fake) = lane_node($t, $i, %conf);
    my $c = $t->client(node => "n$i");
    wait_until(sub { $c->page('login')->status == 200 }, 15);
    push @lanes, { node => $node, fake => $fake, no => $i, user => "u$i",
                   place => $PLACES[$i],
                   full => $c->ready("u$i") };
}


sub verdict {
    my ($name, @wrong) = @_;

    @wrong = grep { defined $_ && $_ ne '' } @wrong;

    return ok(!@wrong, $name) || (diag(join "\n", @wrong), 0)[1];
}


# The settings are shown again, and the connection lasts a moment, or the next
# back-off would be longer.

sub recovered {
    my ($lane) = @_;

    # what lives as long as the back-off before it is forgiven

    my $began = now();
    my $ok = wait_until(sub {
        $lane->{full}->page('settings')->status == 200 }, 12, 0.01);
    my $took = 2.2 * (now() - $began);
    nap($took > 0.12 ? $took : 0.12);

    return $ok ? '' : 'no recovery';
}


# A visitor while the greeting is at fault: 503, and nothing was sent.

sub inject {
    my ($lane, $fault) = @_;

    my ($fake, $place) = @$lane{qw(fake place)};

    $fake->clear->rule($place->{re}, @{ $fault->{rule} });
    $fake->kick;
    $fake->forget;

    my @wrong;
    push @wrong, 'the fault was not met'
        unless wait_until(sub { $fake->hits }, 12, 0.01);

    if ($place->{strict}) {
        my $r = $lane->{full}->page('settings');
        push @wrong, 'answered ' . $r->status . ' ' . $r->body
            if $r->status != 503 || $r->error ne 'unavailable';
        my $n = grep { $_->[0] =~ /^(?:EVAL|X|TIME|INFO)/ } $fake->commands;
        push @wrong, "$n commands were sent before it was greeted" if $n;
        my $gate = $lane->{full}->get('/x')->status;
        push @wrong, "the gate says $gate" if $gate != 200;
    }

    $fake->clear;

    return verdict("$place->{name}, $fault->{name} [attack 95]"
        . ($fault->{name} =~ /READONLY|MASTERDOWN/ ? ' [attack 97]' : ''), @wrong,
                   recovered($lane));
}


sub greeting {
    my ($lane) = @_;

    my $sound = $lane->{place}{sound} || 'nothing';
    my @faults = grep { $_->{name} !~ /^(?:$sound)$/ } some_faults($lane->{no});
    @faults = grep { $_->{then} !~ /keep|drop/ } @faults
        unless $lane->{place}{strict};

    my $kb = $lane->{node}->memory;
    for my $fault (@faults) { inject($lane, $fault) }
    my $more = $lane->{node}->memory - $kb;
    cmp_ok($more, '<', 16_000 * ($ENV{TOTP_WRAP} || $ENV{ASAN_OPTIONS} ? 4 : 1),
           'memory stays as it was');

    return scalar @faults;
}


# Odd answers about memory and persistence: no warning, no harm.

sub harmless {
    my ($lane) = @_;

    my $fake = $lane->{fake};
    my @faults = (errors(), types());

    for my $fault (@faults) {
        $fake->clear->rule($lane->{place}{re}, @{ $fault->{rule} });
        $fake->kick;
    $fake->forget;
        my $met = wait_until(sub { $fake->hits }, 12, 0.01);
        my $r = $lane->{full}->page('settings');
        verdict("$lane->{place}{name}, $fault->{name}: no harm",
                $met ? '' : 'the fault was not met',
                $r->status == 200 ? '' : 'answered ' . $r->status,
                recovered($lane));
    }

    return scalar @faults;
}


# What is said to each new connection, and to those that are up.

sub unasked {
    my ($lane) = @_;

    my $fake = $lane->{fake};

    for my $case (@UNASKED) {
        my ($name, $bytes) = @$case;

        $fake->clear->greet($bytes);
        my $accepted = $fake->accepted;
        $fake->kick;
        wait_until(sub { $fake->accepted >= $accepted + 2 }, 12, 0.01);
        my $r = $lane->{full}->page('settings');
        $fake->clear;
        verdict("spoken first: $name [attack 93]",
                $r->status == 503 ? '' : 'answered ' . $r->status,
                recovered($lane));

        $accepted = $fake->accepted;
        $fake->push_bytes($bytes);
        verdict("spoken meanwhile: $name [attack 93]",
                wait_until(sub { $fake->accepted > $accepted }, 12, 0.01)
                ? '' : 'not dropped', recovered($lane));
    }

    return 2 * @UNASKED;
}


# Each worker's heartbeat meets a fault of its own, once; the greeting, which
# ends with the same word, is the third command of a connection.

sub heartbeat {
    my $accepted = $beats->accepted;

    for my $fault (@HEARTBEATS) {
        $beats->rule(qr/^PING$/, @{ $fault->{rule} }, past => 3, times => 1);
    }

    my @wrong;
    push @wrong, 'met ' . $beats->hits . ' of ' . @HEARTBEATS
        unless wait_until(sub { $beats->hits >= @HEARTBEATS }, 30, 0.1);
    push @wrong, 'dropped ' . ($beats->accepted - $accepted)
        unless wait_until(sub {
            $beats->accepted - $accepted >= @HEARTBEATS }, 15, 0.05);
    verdict('heartbeat: each worker made a new connection [attack 92]', @wrong);

    my $c = $t->client(node => 'nmany');
    my $bad = 0;
    ok(wait_until(sub {
           my @r = Totp::Client->fire([ map { my $n = $t->client(node => 'nmany');
               [ $n, $n->build('GET', '/2fa/login') ] } 1 .. 8 ]);
           return !grep { $_->status != 200 } @r;
       }, 12), 'heartbeat: all workers answer');
    ok(wait_until(sub { $c->login('u9')->stage eq 'full' }, 12),
       'heartbeat: over, signing in works');

    return scalar @HEARTBEATS;
}


lanes($t, heartbeat => sub { diag('faults: ' . heartbeat()) },
    map { my $lane = $_; ("greeting $lane->{no}" => sub {
    my $n = greeting($lane);
    $n += harmless($lane) if !$lane->{place}{strict};
    $n += unasked($lane) if $lane->{place}{name} eq 'PING';
    diag("faults: $n");
}) } @lanes);

$t->finish;

done_testing;
