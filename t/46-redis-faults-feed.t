# Every fault of an answer to the revocation feed: at its greeting, its first
# read, its blocked read, and the clock that goes with both.  Who is signed in
# goes through, who has signed out does not, and as soon as the fault is over
# the feed hears of revocations again.

use Totp::Test;
use Totp::Faults;
use Totp::Lanes;
use Totp::FakeRedis;

# So many nodes share the faults of a place.

use constant SHARES => 2;

# What the feed sends, in turn; the clock is told apart by what goes before it.

my @PLACES = (
    ['greeting', qr/^EVAL .* totp:store /s],
    ['first read', qr/^XRANGE /],
    ['clock', qr/^TIME$/],
    ['blocked read', qr/^XREAD /],
    ['clock after a blocked read', qr/^TIME$/, skip => 1],
);

# An answer that is sound for the place, and one that looks like it.

my %SOUND = (
    'greeting' => [],
    'first read' => [ 'an empty array', 'nil array' ],
    'clock' => [], 'clock after a blocked read' => [],
    'blocked read' => [ 'nil', 'a nil array' ],
);

my %ODD = (
    'greeting' => [
        ['another id', [ 'ok', 'f' x 32 ]], ['a short id', [ 'ok', 'f' x 31 ]],
        ['an id for a shell', [ 'ok', 'x; touch /tmp/totp-pasted #     ' ]],
        ['no id', [ 'ok' ]], ['a nil id', [ 'ok', undef ]],
        ['another word', [ 'no', 'f' x 32 ]],
    ],
    'first read' => [
        ['an entry without an id', [ [ undef, [ 'sid', 'x', 'until', 1 ] ] ]],
        ['an entry without fields', [ [ '1-1' ] ]],
        ['nil fields', [ [ '1-1', undef ] ]],
        ['an odd number of fields', [ [ '1-1', [ 'sid' ] ] ]],
        ['an id that is none', [ [ 'x-1', [] ] ]],
        ['an id too large', [ [ '18446744073709551616-1', [] ] ]],
        ['ids that go back', [ [ '2-1', [] ], [ '1-1', [] ] ]],
        ['the same id', [ [ '1-1', [] ], [ '1-1', [] ] ]],
        ['an id of 0-0', [ [ '0-0', [] ] ]],
        ['integers', [ r_integer(1) ]],
    ],
    'blocked read' => [
        ['another stream', [ [ 'totp:other', [ [ '1-1', [] ] ] ] ]],
        ['no entry', [ [ 'totp:revoked', [] ] ]],
        ['two streams', [ [ 'totp:revoked', [ [ '1-1', [] ] ] ],
                          [ 'totp:revoked', [ [ '1-2', [] ] ] ] ]],
        ['an older id', [ [ 'totp:revoked', [ [ '1-1', [] ] ] ] ]],
        ['an array without entries', [ [ 'totp:revoked' ] ]],
        ['half a pair', [ [ undef, undef ] ]],
    ],
);

for my $place ('clock', 'clock after a blocked read') {
    $ODD{$place} = [
        ['half a clock', [ '1' ]], ['three halves', [ '1', '2', '3' ]],
        ['a clock of words', [ 'now', '0' ]], ['before 1970', [ '-1', '0' ]],
        ['a million microseconds', [ '1', '1000000' ]],
        ['far away', [ '9223372036854775807', '0' ]],
    ];
}

my @users = map { "u$_" } 0 .. @PLACES * SHARES - 1;
my $ms = int seconds(1000);
my %conf = (http => "totp_redis_connect_timeout ${ms}ms;\n"
                    . "    totp_redis_timeout ${ms}ms;");
my $t = Totp::Test->new(users => [ @users, 'gone' ], %conf);
my $redis = $t->redis;
my %full = map { ($_ => $t->client->ready($_)) } @users;
my $gone = $t->client->ready('gone');
my $out = $gone->clone;
my @lanes;

$gone->act('logout', {});

for my $i (0 .. $#users) {
    my ($node, $fake) = lane_node($t, $i, %conf);
    push @lanes, { node => $node, fake => $fake, user => $users[$i], no => $i,
                   place => $PLACES[$i / SHARES], share => $i % SHARES };
}


sub verdict {
    my ($name, @wrong) = @_;

    @wrong = grep { defined $_ && $_ ne '' } @wrong;

    return ok(!@wrong, $name) || (diag(join "\n", @wrong), 0)[1];
}


# The feed has read the stream, and follows it: so many blocked reads were sent.
# It has to last a moment then, or the next back-off would be longer.

sub follows {
    my ($lane, $n) = @_;

    my $began = now();
    my $ok = wait_until(sub { $lane->{fake}->count('XREAD') >= $n }, 12, 0.01);
    my $took = 2.2 * (now() - $began);
    nap($took > 0.22 ? $took : 0.22);

    return $ok ? '' : 'it does not follow';
}


sub gates {
    my ($lane) = @_;

    my $port = $lane->{node}->port;
    my $in = $full{ $lane->{user} }->clone(port => $port)->get('/x')->status;
    my $no = $out->clone(port => $port)->get_json('/x')->status;

    return ($in == 200 ? '' : "who is signed in gets $in",
            $no == 401 ? '' : "who has signed out gets $no");
}


# All connections are closed; the next feed's meets the fault.

sub inject {
    my ($lane, $fault) = @_;

    my ($name, $re, @skip) = @{ $lane->{place} };
    my $fake = $lane->{fake};

    $fake->clear->rule($re, @{ $fault->{rule} }, @skip, times => 1);
    $fake->forget->kick;

    my $met = wait_until(sub { $fake->hits }, 12, 0.01);

    return verdict("$name, $fault->{name} [attack 93]",
                   $met ? '' : 'the fault was not met', gates($lane),
                   follows($lane, $name =~ /blocked/ ? 2 : 1));
}


sub places {
    my ($lane) = @_;

    my $name = $lane->{place}[0];
    my %sound = map { ($_ => 1) } @{ $SOUND{$name} };
    my @faults = ((grep { !$sound{ $_->{name} } } some_faults($lane->{no})),
                  map { { name => $_->[0], rule => [ reply => $_->[1] ] } }
                      @{ $ODD{$name} });
    @faults = @faults[ grep { $_ % SHARES == $lane->{share} } 0 .. $#faults ];

    my $kb = $lane->{node}->memory;

    $lane->{node}->mark;
    for my $fault (@faults) { inject($lane, $fault) }

    my $more = $lane->{node}->memory - $kb;
    cmp_ok($more, '<', 16_000 * ($ENV{TOTP_WRAP} ? 4 : 1),
           'memory stays as it was');
    unlike($lane->{node}->since, qr/touch|SADD/, 'nothing to paste in the log');

    # a sign-out is heard of

    my $there = $full{ $lane->{user} };
    my $here = $there->clone(port => $lane->{node}->port);
    through($here->get('/x'), 'still signed in');
    $there->act('logout', {});
    ok(wait_until(sub { $here->get_json('/x')->status == 401 }, 5),
       'over: a sign-out elsewhere is heard of');

    return scalar @faults;
}


# What is sound but comes at once is no blocked read: nobody asks without pause.

sub no_pause {
    my ($lane) = @_;

    my $fake = $lane->{fake};

    $fake->clear->rule(qr/^XREAD /, reply => r_nil_array);
    $fake->forget->kick;
    wait_until(sub { $fake->hits >= 3 }, 12, 0.01);
    my $began = now();
    my $n = $fake->hits;
    wait_until(sub { $fake->hits > $n }, 12, 0.01) for 1 .. 2;
    cmp_ok($fake->hits, '<', $n + 50, 'a read that does not block: no rush');
    $fake->clear->forget;
    is(follows($lane, 1), '', 'over: it follows');

    return 1;
}


lanes($t, map { my $lane = $_; ("feed $lane->{no}" => sub {
    my $n = places($lane);
    $n += no_pause($lane) if $lane->{place}[0] eq 'blocked read'
                             && $lane->{share} == 0;
    diag("faults: $n");
}) } @lanes);


# A start with the feed at fault: nobody is judged before the revocations have
# been read, whoever is signed in included.

my $lane = $lanes[1];
my $in = $t->client->ready('gone');
$lane->{node}->quit;

for my $fault ((errors())[0 .. 2], (types())[0 .. 1]) {
    $lane->{fake}->clear->rule(qr/^XRANGE /, @{ $fault->{rule} });
    $lane->{node}->start;
    my $c = $in->clone(port => $lane->{node}->port);
    is($c->get_json('/x')->status, 503, "a start, $fault->{name}: 503 [attack 90]");
    is($out->clone(port => $lane->{node}->port)->get_json('/x')->status, 503,
       "a start, $fault->{name}: who has signed out, too");
    $lane->{fake}->clear;
    ok(wait_until(sub { $c->get('/x')->status == 200 }, 12),
       "a start, $fault->{name}: over, in");
    is($out->clone(port => $lane->{node}->port)->get_json('/x')->status, 401,
       "a start, $fault->{name}: over, who has signed out is not");
    $lane->{node}->quit;
}

# Slow, but in time: whoever comes first waits for as long as that takes.

$lane->{fake}->clear->rule(qr/^XRANGE /, delay => 0.4);
$lane->{node}->start;
is($in->clone(port => $lane->{node}->port)->get('/x')->status, 200,
   'a start, a slow feed: the first request waits');
is($out->clone(port => $lane->{node}->port)->get_json('/x')->status, 401,
   'a start, a slow feed: who has signed out is not in');

$t->finish;

done_testing;
