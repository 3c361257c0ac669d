# What Redis holds, and that nobody gets in by password alone when it is
# emptied, exchanged, or written to by somebody else: 503, and a line in the
# log that helps.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin frank)], nodes => 2,
    http => "totp_attempts 100 1h;\n    totp_backup_codes_display 10m;");
my $redis = $t->redis;
my @nodes = map { $t->node($_) } qw(a b);

sub key { my ($user, $kind) = @_;
    return 'totp:' . ($kind || 'user') . ":{default:$user}" }

sub half {
    my ($user, @where) = @_;
    rewind_steps($user);
    return $t->client(@where)->half($user);
}

# The code of now, for tries that must not get as far as its step; and the steps
# that were accepted forgotten, so that no test need wait for the next one.

sub present { my ($user) = @_; return $t->otp($user)->code_at(now()) }

sub rewind_steps {
    my ($user) = @_;
    $redis->cmd('HDEL', key($user), 'last_step');
    $t->otp($user)->{last} = -1 if $t->otp($user);
    return;
}

sub mark { $_->mark for @nodes; return }

# Every node writes such a line when the user tries to sign in.  The same line
# is written once a second at most, hence a try that is repeated.

sub logged {
    my ($re, $user, $name) = @_;
    for my $node (@nodes) {
        ok(wait_until(sub {
               return 1 if $node->since =~ $re;
               my $c = $t->client(node => $node->{name});
               $c->code(present($user)) if $c->login($user)->stage eq 'password';
               return $node->since =~ $re;
           }, 10, 0.2), "$name: log of $node->{name}")
            or diag substr $node->since, 0, 2000;
    }
    return;
}

sub redis_cli {
    my ($line) = @_;
    my $cli = tool('redis-cli');
    $line =~ s/\Aredis-cli\b/$cli -s $redis->{socket}/ or die "not redis-cli: $line";
    my $out = `$line 2>&1`;
    chomp $out;
    return $out;
}

# The password does not let that user in, nor does whatever follows.

sub shut {
    my ($user, $why) = @_;

    for my $node (@nodes) {
        my $c = $t->client(node => $node->{name});
        my $r = $c->login($user);
        isnt($r->stage, 'full', "$why: no password alone, $node->{name}");
        if ($r->stage eq 'password') {
            my $cookie = $c->cookie;
            is_error($c->code(present($user)), 503, 'unavailable',
                     "$why: 503 at the code, $node->{name}");
            is($c->cookie, $cookie, "$why: no cookie is changed, $node->{name}");
            is($c->post_html('/2fa/code', { code => '0000-0000-0000-0000' })->status,
               503, "$why: nor with a backup code, $node->{name}");
        } else {
            is_error($r, 503, 'unavailable', "$why: 503 at the login, $node->{name}");
            is($c->post_html('/2fa/login', { username => $user,
                   password => $t->password($user) })->status, 503,
               "$why: as a page, $node->{name}");
        }
        refused($c->get_json('/x'), "$why: the gate stays closed, $node->{name}");
    }
    return;
}


for my $user (qw(alice bob carol)) {
    $t->client->ready($user);
}


# Its scripts forgotten, before every step there is.

{
    my $c = $t->client(node => 'b');
    my @steps = (
        [page => 'login'], [page => 'setup'], [setup => ''],
        [page => 'backup-codes'], [act => 'backup-codes', { more => 1 }],
        [act => 'backup-codes', {}], [page => 'settings'], [code => ''],
        [act => 'disable', {}], [act => 'logout', { everywhere => 1 }],
    );
    $redis->cmd('SCRIPT', 'FLUSH');
    is($c->login('dave')->stage, 'full', 'SCRIPT FLUSH, then login');
    my $otp;
    for (@steps) {
        my ($how, $what, $form) = @$_;
        $redis->cmd('SCRIPT', 'FLUSH');
        my $r = $how eq 'page'  ? $c->page($what)
              : $how eq 'setup' ? $c->act('setup', { code => $otp->next_code })
              : $how eq 'code'  ? $c->code($otp->next_code)
              :                   $c->act($what, $form);
        is($r->status, 200, "SCRIPT FLUSH, then $how $what [attack 95]") or diag $r->body;
        $otp ||= Totp::Otp->from_uri($r->json->{otpauth}, skew => 3)
            if $r->json->{otpauth};
    }
    $redis->cmd('SCRIPT', 'FLUSH');
    is_error($t->client->login('dave', 'wrong-word'), 401, 'bad_credentials',
             'SCRIPT FLUSH, then a wrong password');
    $redis->cmd('SCRIPT', 'FLUSH');
    is(half('alice')->code($t->otp('alice')->next_code)->stage, 'full',
       'SCRIPT FLUSH, then signing in [attack 95]');
}


# A user's key of the wrong type.

rewind_steps('alice');
my $alice = $t->client->ready('alice');
my $half = half('alice', node => 'b');
my $saved = $redis->cmd('DUMP', key('alice'));

for my $type (qw(string list set zset)) {
    $redis->cmd('DEL', key('alice'));
    $redis->cmd(@{ { string => ['SET', key('alice'), 'x'],
                     list => ['LPUSH', key('alice'), 'x'],
                     set => ['SADD', key('alice'), 'x'],
                     zset => ['ZADD', key('alice'), 1, 'x'] }->{$type} });
    mark();
    shut('alice', "[attack 94] a $type");
    logged(qr/totp:.*WRONGTYPE/, 'alice', "a $type");
    is($redis->cmd('TYPE', key('alice')), $type, "a $type: is left alone");
}
mark();
is_error($half->code(present('alice')), 503, 'unavailable',
         'wrong type: who owes a code');
for my $page (qw(settings setup backup-codes)) {
    is_error($alice->page($page), 503, 'unavailable', "wrong type: $page");
}
for my $page (qw(backup-codes disable)) {
    is_error($alice->act($page, {}), 503, 'unavailable', "wrong type: POST $page");
}
is_error($alice->act('logout', { everywhere => 1 }), 503, 'unavailable',
         'wrong type: signing out everywhere');
through($alice->get('/x'), 'wrong type: who is signed in goes through');
is(half('bob')->code($t->otp('bob')->next_code)->stage, 'full',
   'wrong type: other users sign in');
$redis->cmd('RESTORE', key('alice'), 0, $saved, 'REPLACE');
is($half->code($t->otp('alice')->next_code)->stage, 'full', 'put right: works again');

# Other keys of the wrong type.

for my $case (
    ['totp:tries-address:127.0.0.1', 'address'],
    [key('bob', 'tries') . ':127.0.0.1', 'pair'],
    [key('bob', 'known'), 'known addresses'],
    ['totp:store', 'store'])
{
    my ($key, $name) = @$case;
    my $was = $redis->cmd('DUMP', $key);
    $redis->cmd('DEL', $key);
    $redis->cmd('XADD', $key, '*', 'a', 'b');
    mark();
    my $c = $t->client;
    my $r = $c->login('bob');
    if ($r->stage eq 'password') {
        $r = $c->code(present('bob'));
    }
    is_error($r, 503, 'unavailable', "$name of the wrong type [attack 94]");
    refused($c->get_json('/x'), "$name of the wrong type: not in");
    logged(qr/totp:.*WRONGTYPE/, 'bob', "$name of the wrong type");
    $redis->cmd('DEL', $key);
    $redis->cmd('RESTORE', $key, 0, $was) if defined $was;
}

# Fields that are not what they should be.

for my $case ([epoch => 'x'], [fails => 'x'], [locked_until => '1,5'],
              [row => 'many'], [last_step => 'x'], [secret => ''],
              [secret => 'x'], [secret => 'k1.'], [secret => 'k1.AAAA'],
              [secret => '.' x 3], [secret => 'k1.' . 'A' x 20000])
{
    my ($field, $value) = @$case;
    my $was = $redis->cmd('HGET', key('bob'), $field);
    $redis->cmd('HSET', key('bob'), $field, $value);
    mark();
    shut('bob', "$field " . (length $value > 20 ? 'of many bytes' : "\"$value\""));
    logged($field eq 'secret' ? qr/default:bob".*(?:cannot be opened|is not in)/
                              : qr/totp:.*script ".*" failed/, 'bob', "$field \"" . substr($value, 0, 9) . '"');
    $redis->cmd('HSET', key('bob'), $field, $was) if defined $was;
    $redis->cmd('HDEL', key('bob'), $field) if !defined $was;
    $redis->cmd('HDEL', key('bob'), qw(fails fails_from locks locked_until row));
}


# A record under an unknown key, a secret that was changed, one that belongs to
# somebody else, one for a user who has enabled nothing.

my $good = $redis->cmd('HGET', key('bob'), 'secret');
my $alices = $redis->cmd('HGET', key('alice'), 'secret');
my $middle = int length($good) / 2;
(my $changed = $good) =~ s/\A(.{$middle})(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/e;
(my $unknown = $good) =~ s/\A[^.]*/k9/ or die;
isnt($good, $alices, 'each user has a secret');

for my $case (
    ['an unknown key', $unknown, qr/default:bob".*"k9".*totp\.keys/],
    ['a changed secret', $changed, qr/default:bob".*cannot be opened/],
    ["alice's secret", $alices, qr/default:bob".*cannot be opened/],
    ['a secret cut short', substr($good, 0, -4), qr/default:bob".*cannot be opened/])
{
    my ($name, $value, $log) = @$case;
    $redis->cmd('HSET', key('bob'), 'secret', $value);
    mark();
    shut('bob', "[attack 94] $name");
    logged($log, 'bob', $name);

    if ($name =~ /alice/) {
        my $c = half('bob');
        is_error($c->code(present('alice')), 503, 'unavailable',
                 "alice's code does not open bob's door");
    }
    is($redis->cmd('HGET', key('bob'), 'secret'), $value, "$name: is left alone");
}
$redis->cmd('HSET', key('bob'), 'secret', $good);
is(half('bob')->code($t->otp('bob')->next_code)->stage, 'full', 'put right: works again');

mark();
$redis->cmd('RESTORE', key('erin'), 0, $redis->cmd('DUMP', key('alice')));
$t->otp(erin => $t->otp('alice'));
shut('erin', "[attack 94] alice's whole record");
logged(qr/default:erin".*cannot be opened/, 'erin', "alice's whole record");
$redis->cmd('DEL', key('erin'));

# A backup code belongs to its user, too.

{
    my $bob = $t->client->ready('bob');
    is($bob->act('backup-codes', {})->status, 200, 'new codes for bob');
    my @codes = @{ $bob->page('backup-codes')->json->{codes} };
    is(scalar @codes, 5, 'five');
    $redis->cmd('HSET', key('alice'), $_, 1)
        for grep { /^backup:/ } @{ $redis->cmd('HKEYS', key('bob')) };
    is_error(half('alice')->code($codes[0]), 401, 'bad_code',
             "bob's backup code in alice's record opens nothing");
    is(half('bob')->code($codes[0])->stage, 'full', 'while it is good for bob');
}

# Pending secrets and sets on show likewise.

{
    my @c = map { my $c = $t->client; $c->login($_); $c } qw(dave frank);
    my @otp = map { Totp::Otp->from_uri($_->page('setup')->json->{otpauth},
                                        skew => 3) } @c;
    my ($mine) = $redis->keys(key('dave', 'pending') =~ s/([{}])/\\$1/gr . ':*');
    my ($their) = $redis->keys(key('frank', 'pending') =~ s/([{}])/\\$1/gr . ':*');
    $redis->cmd('SET', $mine, $redis->cmd('GET', $their));
    mark();
    is_error($c[0]->page('setup'), 503, 'unavailable', "another's pending secret");
    is_error($c[0]->act('setup', { code => $otp[1]->next_code }), 503, 'unavailable',
             'confirms nothing');
    ok(!$c[0]->page('settings')->json->{enabled}, 'and enables nothing');
    like($nodes[0]->since, qr/default:dave".*cannot be opened/, 'the log says so');

    my $carol = $t->client->ready('carol');
    is($carol->act('backup-codes', {})->status, 200, 'new codes for carol');
    my ($bobs) = $redis->keys('totp:codes:*bob*');
    my $sealed = $redis->cmd('HGET', $bobs, 'sealed');
    $redis->cmd('HSET', $_, 'sealed', $sealed) for $redis->keys('totp:codes:*carol*');
    mark();
    my $r = $carol->page('backup-codes');
    is_error($r, 503, 'unavailable', "another's set is not shown");
    like($nodes[0]->since, qr/default:carol".*cannot be opened/, 'the log says so');
}


# Emptied.

rewind_steps('alice');
$alice = $t->client->ready('alice');
my $frank = $t->client;
$frank->login('frank');
$half = half('bob');
my $id = $redis->cmd('SMEMBERS', 'totp:store')->[0];
like($id, qr/^[0-9a-f]{32}$/, 'the store has an identity');

sub foreign {
    my ($why) = @_;

    for my $user (qw(alice bob frank)) { shut($user, $why) }
    is_error($half->code(present('bob')), 503, 'unavailable',
             "$why: who owes a code");
    for my $page (qw(settings setup backup-codes)) {
        is_error($alice->page($page), 503, 'unavailable', "$why: $page");
    }
    is_error($frank->page('setup'), 503, 'unavailable',
             "$why: setting up a second factor");
    my $cookie = $alice->cookie;
    is_error($alice->act('logout', {}), 503, 'unavailable', "$why: signing out");
    is($alice->cookie, $cookie, "$why: keeps the cookie");
    is_error($t->client->login('alice', 'wrong-word'), 503, 'unavailable',
             "$why: a wrong password is told the same");
    return;
}

mark();
$redis->cmd('FLUSHALL');
foreign('[attack 96] FLUSHALL');
is_deeply([ $redis->keys ], [], 'FLUSHALL: nothing is written into the empty store');
logged(qr/redis-cli SADD totp:store $id\b/, 'frank', 'FLUSHALL: the line that confirms');

ok($_->reload, "FLUSHALL: reload of $_->{name}") for @nodes;
mark();
foreign('FLUSHALL and a reload');
is_deeply([ $redis->keys ], [], 'FLUSHALL and a reload: still nothing is written');
logged(qr/redis-cli SADD totp:store $id\b/, 'frank', 'FLUSHALL and a reload: the line');

my ($line) = $nodes[0]->since =~ /(redis-cli SADD \S+ [0-9a-f]+)/;
is(redis_cli($line), 1, 'the line of the log, as it is');

for my $node (qw(a b)) {
    my $c = $t->client(node => $node);
    ok(wait_until(sub { $c->login('frank')->stage eq 'full' }, 15, 0.2),
       "confirmed: frank signs in on $node");
}
my $c = $t->client;
is($c->login('alice')->stage, 'full', 'confirmed: alice signs in without a code');
is_error($c->get_json('/x'), 401, 'setup_required',
         'confirmed: and is led to set it up before the gate opens');
my $e = eval { $c->enroll('alice') };
is($e && $e->{confirm}->status, 200, 'confirmed: sets it up') or diag $@;
$c = $t->client(node => 'b');
is($c->login('alice')->stage, 'password', 'confirmed: a code is asked for again');
is($e && $c->code($e->{otp}->next_code)->stage, 'full',
   'confirmed: and signs in with it on the other node');
through($c->get('/x'), 'confirmed: the gate is open');
$t->finish;


# Exchanged for a store of another id, which has data of its own: here that of
# users who have enabled nothing.

sub exchanged {
    my ($why) = @_;

    mark();
    foreign($why);
    logged(qr/redis-cli SADD totp:store $id\b/, 'frank', "$why: the line that confirms");
    return;
}

$t = Totp::Test->new(users => [qw(alice bob frank)], nodes => 2,
                    http => 'totp_attempts 100 1h;');
$redis = $t->redis;
@nodes = map { $t->node($_) } qw(a b);
$id = $redis->cmd('SMEMBERS', 'totp:store')->[0];
$t->client->ready($_) for qw(alice bob);
rewind_steps('alice');
$alice = $t->client->ready('alice');
$frank = $t->client;
$frank->login('frank');
$half = half('bob');

my $other = random_hex(16);
$redis->kill_hard;
$redis->start;
$redis->cmd('SADD', 'totp:store', $other);
$redis->cmd('HSET', key($_), 'epoch', 0) for qw(alice bob frank);
ok(wait_until(sub { $t->node($_)->since =~ /redis-cli SADD/ }, 15),
   "exchanged: $_ notices") for qw(a b);
exchanged('[attack 96] exchanged');
is_deeply($redis->cmd('SMEMBERS', 'totp:store'), [$other],
          'exchanged: the other store keeps its id');
is_deeply([ grep { !/^totp:(?:store|user:.*)$/ } $redis->keys ], [],
          'exchanged: nothing is written into it');

# Taken back: the store of an id that is known needs no confirmation.

$redis->cmd('SADD', 'totp:store', $id);
for my $node (qw(a b)) {
    my $c = $t->client(node => $node);
    ok(wait_until(sub { $c->login('frank')->stage eq 'full' }, 15, 0.2),
       "confirmed: frank signs in on $node");
    is_error($c->get_json('/x'), 401, 'setup_required', "confirmed: $node");
}
is($redis->cmd('SCARD', 'totp:store'), 2, 'the store is known by both ids');

# The set of ids alone is lost: not the store either.

my $dump = $redis->cmd('DUMP', 'totp:store');
$redis->cmd('DEL', 'totp:store');
mark();
shut('frank', 'without an id');
logged(qr/redis-cli SADD totp:store $id\b/, 'frank', 'without an id');
$redis->cmd('RESTORE', 'totp:store', 0, $dump);
is($t->client->login('frank')->stage, 'full', 'put right: works again');

$t->finish;

done_testing;
