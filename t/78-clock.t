# Clocks: nodes whose clock is off or jumps, a Redis whose clock jumps, workers
# that stood still.  t/lib/clock.c gives each process a clock of its own; the
# monotonic clock stays true, as it does on a machine.

use Totp::Test;
use File::Basename ();

my $t = Totp::Test->new(users => [qw(alice bob carol dora)], nodes => 0,
    start_redis => 0,
    http => 'totp_attempts 20 5m;', servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_short%;
        server_name  localhost;
        totp         on;
        totp_session_lifetime 5s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_brief%;
        server_name  localhost;
        totp         optional;
        totp_session_lifetime 250s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_fast%;
        server_name  localhost;
        totp         on;
        totp_skew    0;
        totp_period  3s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my $lib = "$t->{dir}/clock.so";
system(tool($ENV{CC} || 'cc'), qw(-O1 -shared -fPIC -o), $lib,
       File::Basename::dirname(__FILE__) . '/lib/clock.c') == 0
    or die 't/lib/clock.c does not compile';


# Starts something with a clock of that name; sets that clock.

sub with_clock {
    my ($name, $seconds, $start) = @_;

    spew("$t->{dir}/clock.$name", pack 'q', $seconds);
    local $ENV{LD_PRELOAD} = $lib;
    local $ENV{TOTP_CLOCK} = "$t->{dir}/clock.$name";
    local $ENV{ASAN_OPTIONS} = join ':', grep { defined } $ENV{ASAN_OPTIONS},
                                         'verify_asan_link_order=0';

    return $start->();
}

sub clock {
    my ($name, $seconds) = @_;

    open my $fh, '+<:raw', "$t->{dir}/clock.$name" or die $!;
    syswrite($fh, pack 'q', $seconds) == 8 or die $!;
    close $fh;

    return;
}

my $redis = $t->redis;
with_clock(redis => 0, sub { $redis->start });
$t->add_node('a')->start;

# By the clock of b these will have been over before it starts.

my $dora = $t->client(node => 'a', port => 'brief');
$dora->login('dora');
through($dora->get('/x'), 'signed in for some minutes');
my $left = $dora->clone;
$dora->act('logout', {});
$dora->login('dora');
my $stays = $dora->clone;

my $b = $t->add_node('b');
with_clock(b => 300, sub { $b->start });

my ($date) = $t->client(node => 'b')->get('/x')->header('Date') =~ /(\d\d:\d\d:\d\d)/;
my @gm = gmtime(now() + 300);
my $minute = sub { my ($h, $m, $s) = split /:/, $_[0]; return $h * 3600 + $m * 60 + $s };
cmp_ok(($minute->($date) - $gm[2] * 3600 - $gm[1] * 60 - $gm[0] + 10) % 86400, '<', 20,
       'the clock of b is five minutes ahead');


# What was revoked before b began, it knows: the time is that of Redis.

is_error($_->get_json('/x'), 401, 'login_required', 'signed out before a node began')
    for map { $left->clone(port => $t->node($_)->port('brief')) } qw(a b);
through($stays->clone(port => $b->port('brief'))->get('/x'), 'another session lives on');


# Five minutes ahead: codes and sessions of one node are good on the other.

my $alice = $t->client(node => 'a')->ready('alice');
my $otp = $t->otp('alice');
my $c = $t->client(node => 'b');
$c->login('alice');
my $code = $otp->next_code;
is($c->code($code)->stage, 'full', '[attack 100] a code of now, on the node that is ahead');
through($c->get('/x'), '[attack 100] its session is good there');
through($c->clone->at($t->node('a'))->get('/x'), '[attack 100] and on the other');
through($alice->clone->at($b)->get('/x'), '[attack 100] and the other way round');
for my $node (qw(a b)) {
    my $again = $t->client(node => $node, ip => fresh_ip());
    $again->login('alice');
    is_error($again->code($code), 401, 'code_used', "[attack 100] not twice, on $node");
}
$c = $t->client(node => 'b');
$c->login('alice');
my $r = $c->code($otp->code_at(now() + 300));
is_error($r, 401, 'clock_off', "[attack 100] the code of b's own time is none");
cmp_ok(abs($r->json->{drift} - 300), '<=', 60, '[attack 100] but that of a clock that is ahead');


# The clock of a node jumps back by an hour, and forth by one.

my $short = $t->client(node => 'b', port => 'short', ip => fresh_ip());
$short->sign_in('alice');
through($short->get('/x'), '[attack 100] a session of five seconds');
my $began = now();

for my $jump (-3600, 3600) {
    clock(b => $jump);
    ok(wait_until(sub { $alice->clone->at($b)->get('/x')->status == 200 }, 4, 0.2),
       "[attack 100] $jump: sessions go on");
    is($t->client(node => 'b', ip => fresh_ip())->login('alice')->stage, 'password',
       "[attack 100] $jump: the password");
    my $again = $t->client(node => 'b', ip => fresh_ip());
    $again->login('alice');
    is_error($again->code($code), 401, 'code_used', "[attack 100] $jump: no replay");
    next if $jump > 0;
    ok(wait_until(sub { $short->get('/x')->status == 401 }, 10, 0.3),
       "[attack 100] $jump: no session lasts longer");
    cmp_ok(now() - $began, '>', 3, "[attack 100] $jump: nor much shorter");
}
is($t->client(node => 'b', ip => fresh_ip())->sign_in('alice')->stage, 'full',
   '[attack 100] one can sign in');
clock(b => 0);


# The clock of Redis jumps forth by an hour and back: it is the clock that
# counts, so sessions of before end; none of that hour outlives it.

# A node hears of it in a second or, where a blocked command of Redis never ends
# because its clock went back, when it gives that up.

sub until_status {
    my ($c, $status, $name) = @_;
    ok(wait_until(sub { $c->get_json('/x')->status == $status }, 15, 0.3),
       "[attack 100] $name");
}

my $bob = $t->client(node => 'a')->ready('bob');
clock(redis => 3600);
until_status($bob, 401, 'Redis an hour ahead');
is_error($bob->get_json('/x'), 401, 'expired', '[attack 100] Redis an hour ahead: idle too long');
my $ahead = $t->client(node => 'a', ip => fresh_ip());
is($ahead->login('bob')->stage, 'password', '[attack 100] the password');
$r = $ahead->code($t->otp('bob')->code_at(now() + 3600));
is($r->stage, 'full', "[attack 100] a phone of the same time");
through($ahead->get('/x'), '[attack 100] a session of that hour');
clock(redis => 0);
until_status($ahead, 401, 'is over when the clock is right again');
$c = $t->client(node => 'a', ip => fresh_ip());
is($c->login('bob')->stage, 'password', '[attack 100] the password');
my $later = $redis->cmd('HGET', 'totp:user:{default:bob}', 'last_step');
cmp_ok($later, '>', $t->otp('bob')->step + 100, 'the step that was accepted is of that hour');
$r = $c->code($t->otp('bob')->code_at(now()));
is_error($r, 401, 'code_used', '[attack 100] no earlier step is accepted now');
is($c->code($bob->{enrolled}{codes}[0])->stage, 'full',
   '[attack 100] a backup code still lets in');

my $now = $t->client(node => 'a', ip => fresh_ip());
$now->sign_in('alice');
until_status($now, 200, 'a session of now');
clock(redis => -3600);
until_status($now, 401, 'Redis an hour behind: it is one of the future');
$c = $t->client(node => 'a', ip => fresh_ip());
$c->login('alice');
for my $old ($code, $otp->code_at(now() - 3600)) {
    is_error($c->code($old), 401, $old eq $code ? 'bad_code' : 'code_used',
             '[attack 100] Redis an hour behind: no replay');
}
is_error($c->code($otp->code_at(now())), 401, 'bad_code',
         '[attack 100] nor a code of now');
my @endless;
for my $key ($redis->keys('totp:*')) {
    next if $key =~ /:(?:store|revoked|user:.*|events:.*)\z/;
    my $ttl = $redis->cmd('TTL', $key);
    push @endless, "$key $ttl" if $ttl < 0 || $ttl > 31 * 86400;
}
is(scalar @endless, 0, '[attack 100] whatever ends has an end') or diag join "\n", @endless;
clock(redis => 0);
until_status($now, 200, 'which has come when the clock is right again');
is($t->client(node => 'a', ip => fresh_ip())->sign_in('alice')->stage, 'full',
   '[attack 100] all is well when the clock is right');


# Workers that stood still: the time of Redis counts when they go on.

my $carol = $t->client(node => 'a', port => 'fast', ip => fresh_ip());
$carol->login('carol');
my $setup = $carol->page('setup')->json;
my $fast = Totp::Otp->from_uri($setup->{otpauth}, skew => 0);
ok(wait_until(sub { $carol->act('setup', { code => $fast->code_at(now()) })->status == 200 },
              10, 0.3), 'a user whose codes last three seconds');
$t->redis->cmd('HDEL', 'totp:user:{default:carol}', qw(fails locks locked_until));
$c = $t->client(node => 'a', port => 'fast', ip => fresh_ip());
$c->login('carol');
my @workers = $t->node('a')->workers;
my $step = $fast->step;
wait_until(sub { $fast->step > $step }, 4, 0.05);
$step = $fast->step;
my $conn = $c->connect;
kill STOP => @workers;
$conn->send($c->build('POST', '/2fa/code', form => { csrf => $c->{csrf},
    code => $fast->code_at_step($step) }, headers => [Accept => 'application/json']));
nap(4);
kill CONT => @workers;
$r = $conn->response;
is($r->status . ' ' . $r->error, '401 clock_off',
   '[attack 101] a code that came while workers stood still is of its own time');
ok(wait_until(sub { $c->code($fast->code_at(now()))->stage eq 'full' }, 8, 0.5),
   '[attack 101] and one of now is good');
through($c->get('/x'), '[attack 101] and its session');

$t->finish;

done_testing;
