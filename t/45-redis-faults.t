# Redis misbehaves on the wire, in front of a sound one: visitors are told
# `unavailable`, nobody gets in, and all works again without touching nginx.

use Totp::Test;
use Totp::FakeRedis;

# A code is good once, and the window has six at least: so many users that none
# of them is asked for more.

my @users = map { "user$_" } 1 .. 20;

my $t = Totp::Test->new(users => \@users, nodes => 0, start => 0);
my $fake = Totp::FakeRedis->new(dir => $t->dir,
                                upstream => $t->redis->{socket});
my $node = node('f', '500ms');
my $patient = node('p', '20s');

my $SCRIPT = qr/^EVAL(?:SHA)? /;
my $turn = 0;

for (@users) { $t->client->ready($_) }


# One worker, so that a visitor meets the connection that a fault was meant for.

sub node {
    my ($name, $timeout) = @_;

    my $n = $t->add_node($name,
        defaults => { redis => 'totp_redis ' . $fake->address . ';' },
        http => "totp_redis_connect_timeout 500ms;\n"
                . "    totp_redis_timeout $timeout;");
    (my $conf = $n->{conf}) =~ s/^worker_processes \d+;/worker_processes 1;/m;
    $n->configure($conf);
    $n->start;

    return $n;
}


sub next_user { return $users[$turn++ % @users] }


# Whoever has given the password and owes the code.

sub owing {
    my ($user, @where) = @_;

    my $c = $t->client(@where);
    my $r = recovered(sub { $c->login($user) });
    $r->status == 200 && $r->stage eq 'password'
        or die "login of $user: " . $r->status . ' ' . $r->body;

    return $c;
}


sub outside {
    my ($c, $why) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return is($c->get_json('/x')->status, 401, "$why: not in");
}


# Until it is not 503 any more.  A connection that is dropped soon after it was
# made is made again later each time: where it was dropped, it gets a moment to
# prove itself, or the test would take long.

sub recovered {
    my ($code) = @_;

    my ($r, $tries);
    wait_until(sub { $tries++; ($r = $code->())->status != 503 }, 12, 0.02);
    nap(0.15) if $tries > 1;

    return $r;
}


# How many scripts were called since $fake->forget.

sub scripts { return scalar grep { "@$_" =~ $SCRIPT } $fake->commands }


# At the sign-in, at the first script of the code step and at its second, the
# one that accepts: 503.  Then, with the fault over, the same visitors and the
# same code, and it works.

sub fault {
    my ($why, @rule) = @_;

    my $user = next_user();
    my $code = $t->otp($user)->next_code;
    my $half = owing($user);
    my $visitor = $t->client;
    $visitor->page('login');
    my %form = (username => $user, password => $t->password($user));

    $fake->forget->rule($SCRIPT, @rule);
    my $r = $visitor->act('login', { %form });
    is_error($r, 503, 'unavailable', "$why: sign-in");
    is($r->header('Set-Cookie'), undef, "$why: no cookie is changed");
    outside($visitor, $why);
    cmp_ok(scripts(), '>=', 1, "$why: it met the fault");
    $fake->clear;

    for my $skip (0, 1) {
        my $where = "$why, " . ($skip ? 'accepting' : 'code');

        $r = recovered(sub { $visitor->act('login', { %form }) });
        is($r->status . ' ' . $r->stage, '200 password',
           "$where: before it, the password works") or diag $r->body;
        outside($visitor, "$where: before it");

        $fake->forget->rule($SCRIPT, @rule, skip => $skip);
        is_error($half->code($code), 503, 'unavailable', $where);
        outside($half, $where);
        cmp_ok(scripts(), '>=', 1 + $skip, "$where: it met the fault");
        $fake->clear;
    }

    $r = recovered(sub { $half->code($code) });
    is($r->status . ' ' . $r->stage, '200 full',
       "$why: over, the same code works") or diag $r->body;
    through($half->get('/x'), "$why: over, in");
}


# ERRORS: every class of them, and one that nobody has heard of.

for my $text ('NOSCRIPT No matching script. Please use EVAL.',
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script.',
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Errors writing to the AOF file',
    "NOPERM User has no permissions to run the 'evalsha' command",
    'MOVED 3999 127.0.0.1:6381', 'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'WRONGTYPE Operation against a key', 'QUITE new to us', '')
{
    my ($word) = $text =~ /\A(\S*)/;
    fault($word eq '' ? 'an empty error' : $word, reply => r_error($text));
}


# OTHER REPLIES than a script of ours gives.

fault('a status', reply => r_status('OK'));
fault('the word alone', reply => 'ok');
fault('an integer', reply => r_integer(1));
fault('nil', reply => r_nil);
fault('a nil array', reply => r_nil_array);
fault('an empty array', reply => []);
fault('an array of integers', reply => [ r_integer(1), r_integer(1) ]);
fault('a word too much', reply => [ "ok\0", '1', '1' ]);


# NOT RESP, or more of it than anybody should take.

fault('an absurd bulk', reply => r_raw("\$9223372036854775807\r\nx"));
fault('an absurd array', reply => r_raw("*2147483647\r\n"));
fault('a negative length', reply => r_raw("\$-7\r\nok\r\n"));
fault('a number too long', reply => r_raw(':' . ('9' x 400) . "\r\n"));
fault('deep nesting', reply => r_nested(20_000));
fault('another protocol', reply => r_raw("HTTP/1.1 200 OK\r\n\r\n"));


# CUT OFF AND SILENT

my @ok = ('ok', r_integer(1), r_integer(1));

fault('half a length', reply => [@ok], half => 5);
fault('half a word', reply => [@ok], half => 9);
fault('all but the last byte', reply => [@ok], half => 19);
fault('nothing, closed', reply => r_nil, close => 'before');
fault('stalled', stall => 1, reply => r_nil);


# HARMLESS: split anywhere, and scripts that Redis has forgotten.

for my $at (1, 2, 3, 4, 5, 6, 8, 9, 12, 'each') {
    my $user = next_user();
    my $why = "split at $at";

    $fake->rule($SCRIPT, split => $at, pause => $at eq 'each' ? 0 : 0.005);
    my $c = $t->client(node => 'p');
    is($c->login($user)->stage, 'password', "$why: the password works");
    is_error($c->code('abcdef'), 401, 'bad_code', "$why: a wrong code");
    outside($c, $why);
    is($c->code($t->otp($user)->next_code)->stage, 'full', "$why: a code works");
    through($c->get('/x'), "$why: in");
    $fake->clear;
}

my $user = next_user();
$fake->forget->rule(EVALSHA => reply => r_error('NOSCRIPT No matching script.'));
my $c = $t->client(node => 'p');
is($c->sign_in($user)->stage, 'full', 'no script is known: works');
cmp_ok($fake->count('EVAL'), '>=', 3, 'by EVAL');
$fake->clear;


# ACCEPTED, BUT NOBODY HEARD OF IT: the code is spent.

my $accept = qr/^EVAL.* totp \d+ [0-9a-f]+$/s;

for (['cut off', close => 'before'], ['cut in half', half => 5],
     ['stalled', stall => 1], ['an error', reply => r_error('OOM x')],
     ['not RESP', reply => r_raw("?\r\n")])
{
    my ($how, @rule) = @$_;
    my $why = "accepted, but $how";

    $user = next_user();
    $c = owing($user);
    my $second = owing($user);
    my $code = $t->otp($user)->next_code;

    $fake->forget->rule($accept, execute => 1, @rule);
    is_error($c->code($code), 503, 'unavailable', $why);
    outside($c, $why);
    is(scalar(grep { "@$_" =~ $accept } $fake->commands), 1, "$why: sent once");
    $fake->clear;

    my $r = recovered(sub { $second->code($code) });
    is_error($r, 401, 'code_used', "$why: the same code, by another");
    outside($second, "$why: the same code, by another");
    $r = $c->code($code);
    is($r->status, 401, "$why: nor is who gave it let in by it")
        or diag $r->body;
    outside($c, "$why: who gave it");
    is($second->code($t->otp($user)->next_code)->stage, 'full',
       "$why: the next code works");
    through($second->get('/x'), "$why: in");
}

$t->finish;

done_testing;
