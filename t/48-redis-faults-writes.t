# Answers that come to the wrong one, or not at all although the script has run:
# nobody gets in by another's answer, and what a visitor is told later is what
# Redis holds.  The log has a line for a trouble, not for each request.

use Totp::Test;
use Totp::FakeRedis;
use Totp::Faults;
use Totp::Lanes;

my $ms = int seconds(1000);
my @users = map { "u$_" } 1 .. 45;
my $turn = 0;
my ($faults, $exchanged) = (0, 0);
my $t = Totp::Test->new(users => [ @users, 'new' ]);
my $redis = $t->redis;
my ($node, $fake) = lane_node($t, 1,
    http => "totp_redis_connect_timeout ${ms}ms;\n"
            . "    totp_redis_timeout ${ms}ms;\n    totp_attempts 100 1h;");


sub visitor { return $t->client(node => 'n1') }

sub by_json { return (headers => [ Accept => 'application/json' ]) }

sub key { my ($user) = @_; return "totp:user:{default:$user}" }


sub over {
    my ($c) = @_;

    $fake->clear;
    ok(wait_until(sub { $c->page('settings')->status != 503 }, 12, 0.01),
       'over: scripts are answered') if !$c->{none};
    nap(0.15);

    return;
}


# ANSWERS EXCHANGED between two users who sign in at the same time: by another's
# answer the one with a second factor would be in by the password alone.

for my $try (1 .. 5) {
    my $user = 'new';
    my $alice = "u$try";
    $t->client->ready($alice);
    my $bystander = visitor()->ready($alice);

    my @c = (visitor(), visitor());
    my @jobs;
    for my $i (0, 1) {
        my $name = ($alice, $user)[$i];
        $c[$i]->page('login');
        push @jobs, [ $c[$i], $c[$i]->build('POST', '/2fa/login', by_json(),
            form => { username => $name, password => $t->password($name),
                      csrf => $c[$i]{csrf} }) ];
    }

    $fake->rule(qr/^EVAL(?:SHA)? .*totp:revoked/s, swap => 1);
    my @r = Totp::Client->fire(\@jobs);
    $exchanged++ if $fake->hits == 2;
    is_error($r[$_], 503, 'unavailable', "exchanged: 503 for $_") for 0, 1;
    is($r[$_]->set_cookies, 0, "exchanged: no cookie for $_") for 0, 1;
    $c[0]->learn($r[0]);
    isnt($c[0]->get_json('/x')->error, 'setup_required',
         "exchanged: nobody is in by another's answer [attack 92]");
    $faults++;
    over($bystander);
}

# (where one was too early for the other, both have waited in vain)
cmp_ok($exchanged, '>=', 1, 'exchanged: answers were');


# ONE ANSWER TOO MANY, in front of one's own or behind it: a forged one that says
# that there is no second factor.

for my $how ('in front', 'behind') {
    my $forged = r_raw("*2\r\n\$1\r\nx\r\n*4\r\n\$2\r\nok\r\n:" . time
                       . "\r\n:" . time . "\r\n:0\r\n");
    my $c = visitor();
    my $by = visitor()->ready('u1');

    $fake->rule(qr/^EVALSHA .*totp:revoked/s,
        $how eq 'behind' ? (extra => $forged->[0])
                         : (reply => $forged, execute => 1));
    my $r = $c->login('u2');
    isnt($r->stage, 'full', "one too many, $how: not in [attack 92]");
    refused($c->get_json('/x'), "one too many, $how: the gate is closed");
    $faults++;
    over($by);
}


# WRITTEN, BUT NOBODY HEARD OF IT.  Each write, at each of these; then what the
# visitor is told is true.

my @LOST = (
    ['closed', close => 'before'], ['cut in half', half => 9],
    ['an error', reply => r_error('OOM x')], ['not RESP', reply => r_raw("?\r\n")],
    ['another kind', reply => r_status('OK')], ['stalled', stall => 1],
);

my %write = (

    'sign in' => [ 1, sub { my ($c, $user) = @_; $c->login($user) },
        sub { my ($c, $user) = @_;
              is(visitor()->login($user)->stage, 'password',
                 'sign in: again, it works') } ],

    'renew' => [ 0, sub { my ($c) = @_; $c->act('backup-codes', {}) },
        sub { my ($c, $user, $e) = @_;
              my $n = visitor();
              $n->login($user);
              is_error($n->code($e->{codes}[0]), 401, 'bad_code',
                       'renew: an old code is void');
              is($n->code($t->otp($user)->next_code)->stage, 'full',
                 'renew: the app still works') } ],

    'disable' => [ 0, sub { my ($c) = @_; $c->act('disable', {}) },
        sub { my ($c, $user) = @_;
              is(visitor()->login($user)->stage, 'full',
                 'disable: it is disabled, and so the password says') } ],

    'sign out' => [ 0, sub { my ($c) = @_; $c->act('logout', {}) },
        sub { my ($c) = @_;
              ok(wait_until(sub { $c->get_json('/x')->status == 401 }, 5),
                 'sign out: the session has ended') } ],

    'everywhere' => [ 0, sub { my ($c) = @_;
                               $c->act('logout', { everywhere => 1 }) },
        sub { my ($c) = @_;
              ok(wait_until(sub { $c->get_json('/x')->status == 401 }, 5),
                 'everywhere: the session has ended') } ],

    'enable' => [ 1, sub { my ($c, $user, $e, $otp) = @_;
                           $c->act('setup', { code => $otp->next_code }) },
        sub { my ($c, $user, $e, $otp) = @_;
              my $n = visitor();
              is($n->login($user)->stage, 'password',
                 'enable: it is enabled, and a code is owed');
              is($n->code($otp->next_code)->stage, 'full',
                 'enable: the app that was set up works') }, 'new' ],
);

# Redis has to know the scripts, or it is their first call that gets lost.

{
    my $c = visitor()->ready('u45');
    for ([ 'backup-codes' ], [ 'disable' ], [ 'logout', everywhere => 1 ]) {
        my ($page, @form) = @$_;
        is($c->act($page, { @form })->status, 200, "$page works");
    }
}

my $by = visitor()->ready('u1');

for my $name (sort keys %write) {
    my ($skip, $do, $after, $new) = @{ $write{$name} };

    for my $lost (@LOST) {
        my ($how, @rule) = @$lost;
        my $user = $users[ 5 + $turn++ ];
        my $c = visitor();
        my ($e, $otp);

        $c->login($user);
        if ($new) {
            $otp = Totp::Otp->from_uri($c->page('setup')->json->{otpauth},
                                       skew => 3);
        } else {
            $e = $c->enroll($user);
        }
        if ($name eq 'sign in') { $c = visitor(); $c->page('login') }
        my $cookie = $c->cookie;

        $fake->rule(qr/^EVAL(?:SHA)? .*\{default:$user\}/s, @rule, execute => 1,
                    skip => $skip);
        my $r = $do->($c, $user, $e, $otp);
        ok($fake->hits, "$name, $how: it met the fault");
        is_error($r, 503, 'unavailable', "$name, $how [attack 91]");
        is($c->cookie, $cookie, "$name, $how: no cookie is changed");
        $faults++;
        over($by);
        $after->($c, $user, $e, $otp);
    }
}


# THE LOG: a trouble that lasts is a line or two a second, whoever asks.

for my $case (['OOM', reply => r_error('OOM command not allowed')],
              ['a status', reply => r_status('OK')],
              ['closed', reply => r_nil, close => 'before'])
{
    my ($how, @rule) = @$case;

    $node->mark;
    $fake->rule(qr/^EVAL(?:SHA)? .*\{default:/s, @rule);
    my $began = now();
    my @r = map { $by->page('settings') } 1 .. 60;
    my $took = 1 + int(now() - $began);
    $faults += $fake->hits;
    over($by);

    is(scalar(grep { $_->status != 503 } @r), 0, "log, $how: all are told");
    my $n = () = $node->since =~ /\[(?:error|crit|alert)\].*totp:/g;
    cmp_ok($n, '>=', 1, "log, $how: it is said");
    cmp_ok($n, '<=', 2 * ($took + 1), "log, $how: not for each request [attack 95]");
    unlike($node->since, qr/command not allowed/, "log, $how: no word of Redis'");
}


# What stands in Redis, and what a reply holds, is not repeated in the log.

for my $value ("k1\nforged: [alert] a line\n.x", "\e[31m.x", ('k' x 17) . '.x') {
    $redis->cmd('HSET', key('new'), 'secret', $value);
    $node->mark;
    my $c = visitor();
    $c->login('new');
    is_error($c->code('123456'), 503, 'unavailable', 'an odd id of a key');
    like($node->since, qr/totp:.*default:new/, 'the log says whose');
    unlike($node->since, qr/forged|\e|k{17}/, 'and nothing of what it was');
}

# A lock for longer than a time can be, or of no time at all.

for my $wait (r_integer(-2), 'soon', r_nil, r_integer(1)) {
    $fake->rule(qr/^EVAL(?:SHA)? .*\{default:u2\}/s, mark => 1,
                reply => [ 'locked', $wait ]);
    my $r = visitor()->login('u2');
    if (ref $wait && $wait->[0] eq ":1\r\n") {
        is_error($r, 429, 'locked', 'a lock of a second');
    } else {
        is_error($r, 503, 'unavailable', 'a lock of no sensible time');
    }
    $faults++;
    $fake->clear;
}

diag("faults: $faults");

$t->finish;

done_testing;
