# The scripts of the store by themselves: what each answers to whom, asked of
# Redis as the module asks, without nginx.

use FindBin;

use Totp::Test;

my $t = Totp::Test->new(nodes => 0, start => 0);
my $redis = $t->redis;

my $dir = "$FindBin::Bin/../ngx_http_totp_module/store/lua";
my $EPOCH = 1000;

# when the test began, by the clock of Redis
my ($time) = @{ $redis->cmd('TIME') };

# Keys have the names of what they are; "id" is what the store is known by.

sub fresh {
    my (%record) = @_;

    $redis->cmd('FLUSHALL');
    $redis->cmd('SADD', 'store', 'id');
    $redis->cmd('HSET', 'record', %record) if %record;

    return;
}

sub run {
    my ($script, $keys, @args) = @_;

    my $text = slurp("$dir/$script.lua");
    $text = slurp("$dir/common.lua") . $text if $script ne 'hello';

    return scalar $redis->cmd('EVAL', $text, scalar @$keys, @$keys, @args);
}

# An answer, with "now" for the time of Redis.

sub answers {
    my ($got, $want, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($now) = @{ $redis->cmd('TIME') };
    my @got = ref $got ? @$got : $got;
    $got[1] = 'now' if @got > 1 && @$want > 1 && $want->[1] eq 'now'
                       && defined $got[1] && $got[1] =~ /\A\d+\z/
                       && abs($got[1] - $now) <= 2;

    return is_deeply(\@got, $want, $name);
}

sub field { return scalar $redis->cmd('HGET', 'record', $_[0]) }

sub events {
    return map { /\A(\w+)/ } @{ $redis->cmd('LRANGE', 'events', 0, -1) };
}

sub revocations {
    return map { join ' ', @{ $_->[1] } } @{ $redis->cmd('XRANGE', 'stream', '-', '+') };
}

sub enabled { return (epoch => $EPOCH, secret => 'sealed', @_) }


# hello: which store is this?

$redis->cmd('FLUSHALL');
answers(run('hello', ['store'], '', 'new'), ['ok', 'new'],
        'hello: a store that has no id takes the one that is offered');
answers(run('hello', ['store'], '', 'other'), ['ok', 'new'], 'hello: and keeps it');
answers(run('hello', ['store'], 'new', 'other'), ['ok', 'new'], 'hello: known');
answers(run('hello', ['store'], 'old', 'other'), ['store'], 'hello: another store');
$redis->cmd('SADD', 'store', 'a');
answers(run('hello', ['store'], '', 'other'), ['ok', 'a'],
        'hello: of two ids all nodes take the same');
is($redis->cmd('SCARD', 'store'), 2, 'hello: none is added');


# All others: not the store that the node remembers; and the session's epoch,
# its mark and a second factor are asked for by what changes a user.

my %call = (
    reserve => [[qw(store pair user known)], 'id', 'net', 3, 60, 5, 60],
    reserve_address => [[qw(store user)], 'id', 3, 60],
    refund  => [[qw(store user)], 'id'],
    signin  => [[qw(store record pair user known events stream spent)],
                'id', 'net', 60, '', 0, '::1'],
    burn    => [[qw(store record)], 'id', 7, 1],
    attempt => [[qw(store record spent pending events)],
                'id', $EPOCH, 3, 60, '::1', 0],
    accept  => [[qw(store record spent events known)],
                'id', $EPOCH, 'sealed', '', 5, '::1', 0, '', 'net', 'totp', 7],
    pending => [[qw(store record pending spent)], 'id', $EPOCH, 'new', 60],
    enable  => [[qw(store record stream pending events show known spent)],
                'id', $EPOCH, 60, 'name', 'new', 7, 5, '::1', 'net',
                'codes', 1000, 'k.a', 'k.b'],
    settings => [[qw(store record events spent)], 'id', $EPOCH],
    renew   => [[qw(store record stream events show spent)],
                'id', $EPOCH, 60, 'name', '::1', 'codes', 1000, 'k.c', 'k.d'],
    codes   => [[qw(store record show spent)], 'id', $EPOCH, 0],
    disable => [[qw(store record stream events pending show spent)],
                'id', $EPOCH, 60, 'name', '::1'],
    logout  => [[qw(store record stream events spent)],
                'id', $EPOCH, 60, 'name', '::1', 'sid', $time + 50, 'full'],
);

# With another argument, by its number.

sub call {
    my ($script, %other) = @_;

    my ($keys, @args) = @{ $call{$script} };
    $args[$_ - 1] = $other{$_} for CORE::keys %other;

    return run($script, $keys, @args);
}

for my $script (sort keys %call) {
    fresh(enabled);
    $redis->cmd('SET', 'pending', 'new');
    my $before = $redis->dump;
    answers(call($script, 1 => 'unknown'), ['store'], "$script: another store");
    is($redis->dump, $before, "$script: nothing has changed");
}

for my $script (qw(attempt accept pending enable settings renew codes disable)) {
    for my $case ('epoch', 'mark', 'record') {
        fresh($case eq 'record' ? () : enabled);
        $redis->cmd('SET', 'pending', 'new') if $script eq 'enable';
        $redis->cmd('SET', 'spent', 1) if $case eq 'mark';
        my $before = $redis->dump;
        answers(call($script, $case eq 'epoch' ? (2 => $EPOCH - 1) : ()),
                ['stale'], "$script: stale, by its $case");
        is($redis->dump, $before, "$script: nothing has changed");
    }
}

for my $script (qw(attempt renew codes disable)) {
    fresh(epoch => $EPOCH);
    my $before = $redis->dump;
    answers(call($script), ['none'], "$script: no second factor");
    is($redis->dump, $before, "$script: nothing has changed");
}

for my $script (qw(attempt accept enable renew disable settings)) {
    fresh(epoch => 'x', secret => 'sealed');
    like(call($script), qr/not a number/, "$script: a broken record is an error");
}


# reserve, reserve_address, refund: failures of the password

fresh;
answers(call('reserve'), ['ok'], "reserve: failure $_") for 1 .. 3;
is($redis->cmd('GET', 'pair'), 3, 'reserve: counted for the pair');
is($redis->cmd('GET', 'user'), 3, 'reserve: and for the user');
my ($r, $ttl);

$r = call('reserve');
is($r->[0], 'locked', 'reserve: locked after n');
ok($r->[1] > 55 && $r->[1] <= 60, 'reserve: for the rest of the window');
is($redis->cmd('GET', 'user'), 3, 'reserve: what is not looked at does not count');

fresh;
$redis->cmd('SET', 'user', 5, 'EX', 30);
$r = call('reserve');
is($r->[0], 'locked', 'reserve: too many for the user');
ok($r->[1] > 25 && $r->[1] <= 30, "reserve: for the user's window");
is($redis->cmd('EXISTS', 'pair'), 0, 'reserve: not counted for the pair');
$redis->cmd('ZADD', 'known', 1, 'net');
answers(call('reserve'), ['ok'], 'reserve: but not from where he signed in lately');
is($redis->cmd('GET', 'user'), 5, 'reserve: which does not count for the user');

fresh;
$redis->cmd('SET', 'pair', 3);
answers(call('reserve'), ['locked', 60],
        'reserve: a count that lost its end locks for one window');
fresh;
$redis->cmd('SET', 'pair', 1);
call('reserve');
$ttl = $redis->cmd('TTL', 'pair');
ok($ttl > 55 && $ttl <= 60, 'reserve: and gets an end');
fresh;
call('reserve');
$redis->cmd('EXPIRE', 'pair', 20);
call('reserve');
$ttl = $redis->cmd('TTL', 'pair');
ok($ttl > 15 && $ttl <= 20, 'reserve: a window begins with its first failure');

fresh;
answers(call('reserve_address'), ['ok'], "address: failure $_") for 1 .. 3;
is(call('reserve_address')->[0], 'locked', 'address: locked after n');
answers(call('refund'), ['ok'], 'refund');
is($redis->cmd('GET', 'user'), 2, 'refund: one less');
answers(call('reserve_address'), ['ok'], 'refund: one may be tried again');
fresh;
call('refund');
is($redis->cmd('EXISTS', 'user'), 0, 'refund: nothing of nothing');
$redis->cmd('SET', 'user', 0);
call('refund');
is($redis->cmd('GET', 'user'), 0, 'refund: never below');

my @both = ([qw(store pair user known)], 'id', 'net');
$redis->cmd('MSET', 'pair', 2, 'user', 2);
run('refund', @both);
is_deeply($redis->cmd('MGET', 'pair', 'user'), [1, 1], 'refund: pair and user');
$redis->cmd('ZADD', 'known', 1, 'net');
run('refund', @both);
is_deeply($redis->cmd('MGET', 'pair', 'user'), [0, 1],
          'refund: as it was counted, from a known address');


# signin

fresh;
$r = call('signin');
is_deeply([@$r[0, 3]], ['ok', 0], 'signin: no second factor');
is($r->[2], $r->[1], 'signin: epochs begin at the clock');
is(field('epoch'), $r->[2], 'signin: as it is kept');
is_deeply([events()], ['signed_in'], 'signin: is an event without a second factor');
is($redis->cmd('ZCARD', 'known'), 1, 'signin: and makes the address known');
is(revocations(), 0, 'signin: ends no session');

fresh(enabled);
$redis->cmd('MSET', 'pair', 2, 'user', 2);
answers(call('signin', 4 => 'old', 5 => $time + 50), ['ok', 'now', $EPOCH, 1],
        'signin: a code is owed');
is_deeply($redis->cmd('MGET', 'pair', 'user'), [1, 1],
          'signin: it was no failure');
is(events(), 0, 'signin: no event before the code');
is($redis->cmd('EXISTS', 'known'), 0, 'signin: nor is the address known');
is_deeply([revocations()], ['sid old until ' . ($time + 50)],
          'signin: ends the session before');
$ttl = $redis->cmd('TTL', 'spent');
ok($ttl > 40 && $ttl <= 50, 'signin: which is spent from now on');
$redis->cmd('DEL', 'spent');
call('signin', 4 => 'old', 5 => $time - 5);
is($redis->cmd('EXISTS', 'spent'), 0, 'signin: no mark for one that is over');
$redis->cmd('MSET', 'pair', 1, 'user', 1);
$redis->cmd('ZADD', 'known', 1, 'net');
call('signin');
is_deeply($redis->cmd('MGET', 'pair', 'user'), [0, 1],
          'signin: the user has no count from a known address');


# attempt: failures of the code

fresh(enabled(last_step => 6));
answers(call('attempt'), ['ok', 'now', 'sealed', 2, 6], 'attempt: the first');
is_deeply([events()], ['code_failed'], 'attempt: counts before it is looked at');
answers(call('attempt'), ['ok', 'now', 'sealed', 1, 6], 'attempt: the second');
answers(call('attempt'), ['ok', 'now', 'sealed', 0, 6], 'attempt: the last');
$r = call('attempt');
is($r->[0], 'locked', 'attempt: then locked');
ok($r->[1] > 55 && $r->[1] <= 60, 'attempt: for a window');
is(field('row'), 3, 'attempt: what is not looked at does not count');
$redis->cmd('HSET', 'record', 'locked_until', $time - 1);
call('attempt') for 1 .. 3;
$r = call('attempt');
ok($r->[0] eq 'locked' && $r->[1] > 115 && $r->[1] <= 120,
   'attempt: the next lock is twice as long');
$redis->cmd('HSET', 'record', locked_until => 0, locks => 40, fails => 2,
            fails_from => $time);
call('attempt');
$r = call('attempt');
ok($r->[0] eq 'locked' && $r->[1] > 86390 && $r->[1] <= 86400,
   'attempt: a day at most');

fresh(enabled(fails => 2, fails_from => $time - 61));
answers(call('attempt'), ['ok', 'now', 'sealed', 2, 0],
        'attempt: a window that is over counts no more');
fresh(enabled(fails => 1, fails_from => $time - 30));
answers(call('attempt'), ['ok', 'now', 'sealed', 1, 0], 'attempt: one that is not, does');
is(field('fails_from'), $time - 30, 'attempt: and goes on');
fresh(enabled(row => 99));
answers(call('attempt'), ['ok', 'now', 'sealed', 0, 0], 'attempt: the hundredth in a row');
answers(call('attempt'), ['locked', -1], 'attempt: then only an operator');
fresh(enabled(fails => 5, fails_from => $time));
answers(call('attempt'), ['ok', 'now', 'sealed', 0, 0],
        'attempt: more than there may be here leaves none');

fresh(epoch => $EPOCH);
answers(call('attempt', 6 => 1), ['none'], 'attempt: no set-up is pending');
$redis->cmd('SET', 'pending', 'new');
answers(call('attempt', 6 => 1), ['ok', 'now', 'new', 2, 0],
        'attempt: the secret of a set-up');
$redis->cmd('HSET', 'record', 'secret', 'sealed');
answers(call('attempt', 6 => 1), ['ok', 'now', 'new', 1, 0],
        'attempt: also where there is one');


# accept

fresh(enabled(last_step => 6, burnt => '8 9'));
answers(call('accept', 3 => 'another'), ['stale'], 'accept: the secret is another now');
answers(call('accept', 11 => 6), ['used'], 'accept: the last step');
answers(call('accept', 11 => 5), ['used'], 'accept: an earlier one');
answers(call('accept', 11 => $_), ['used'], "accept: burnt step $_") for 8, 9;
is(field('last_step'), 6, 'accept: none of these is remembered');
call('attempt', 5 => '::2');
call('attempt');
answers(call('accept', 5 => $time, 7 => 30, 8 => 'signed_in', 4 => 'resealed'),
        ['ok', 'now', 0], 'accept');
is(field('last_step'), 7, 'accept: the step');
is(field('secret'), 'resealed', 'accept: the new sealing');
is(field('failed_before'), 1, 'accept: failures before this');
ok(!defined field('row') && !defined field('fails'), 'accept: failures are over');
$ttl = $redis->cmd('TTL', 'spent');
ok($ttl > 25 && $ttl <= 30, 'accept: the session before is spent');
is((events())[0], 'signed_in', 'accept: the event');
is($redis->cmd('ZCARD', 'known'), 1, 'accept: the address is known');

fresh(enabled);
$redis->cmd('LPUSH', 'events', "code_failed\t5\t::1");
call('accept');
is(events(), 0, 'accept: the attempt was no failure; no event where none is named');
is($redis->cmd('EXISTS', 'spent'), 0, 'accept: no session is spent');
is(field('secret'), 'sealed', 'accept: the secret stays');
ok(!defined field('failed_before'), 'accept: nothing to tell');
call('accept', 8 => 'signed_in', 11 => 8);
is(field('failed_before'), 0, 'accept: no failures');

my @backup = (10 => 'backup', 8 => 'backup_used');
fresh(enabled('backup:k.a' => 1, 'backup:k.b' => 1));
answers(call('accept', @backup, 11 => 'k.x'), ['bad'], 'accept: no backup code');
answers(call('accept', @backup, 11 => 'k.a'), ['ok', 'now', 1], 'accept: a backup code');
answers(call('accept', @backup, 11 => 'k.a'), ['bad'], 'accept: only once');
answers(call('accept', @backup, 11 => 'j.x', 12 => 'k.b'), ['ok', 'now', 0],
        'accept: by one of several keys');
fresh(enabled('backup:old.a' => 1));
answers(call('accept', @backup, 11 => 'k.x'), ['key', 'old'],
        'accept: a set under a key that is gone');
fresh(enabled);
answers(call('accept', @backup, 11 => 'k.x'), ['bad'], 'accept: there are none');


# burn

fresh(enabled);
call('burn', 2 => $_) for 5, 6, 5;
is(join(' ', sort split / /, field('burnt')), '5 6', 'burn: each step once');
call('burn', 2 => 9, 3 => 6);
is(join(' ', sort split / /, field('burnt')), '6 9', 'burn: the old ones are forgotten');


# pending and enable

fresh(epoch => $EPOCH);
answers(call('pending', 3 => ''), ['ok', 'now', '', 0], 'pending: none');
answers(call('pending'), ['ok', 'now', 'new', 0], 'pending: a new one');
answers(call('pending', 3 => 'other'), ['ok', 'now', 'new', 0], 'pending: it stays');
$ttl = $redis->cmd('TTL', 'pending');
ok($ttl > 55 && $ttl <= 60, 'pending: for its time');
answers(call('enable', 5 => 'other'), ['stale'], 'enable: another secret was checked');
$redis->cmd('HSET', 'record', burnt => '7 8', row => 3);
answers(call('enable'), ['used'], 'enable: a burnt step');
$redis->cmd('HDEL', 'record', 'burnt');
answers(call('enable'), ['ok', 'now', $EPOCH + 1, 0], 'enable');
is_deeply([revocations()], ['user name epoch ' . ($EPOCH + 1)], 'enable: ends other sessions');
is_deeply([map { field($_) } qw(epoch secret last_step row)],
          [$EPOCH + 1, 'new', 7, undef], 'enable: the record');
ok(abs(field('enabled_at') - $time) <= 30, 'enable: since now');
is($redis->cmd('EXISTS', 'pending'), 0, 'enable: nothing is pending');
is_deeply([events()], ['enabled'], 'enable: the event');
is($redis->cmd('HGET', 'show', 'sealed'), 'codes', 'enable: codes are on show');
is(join(' ', grep { /^backup:/ } sort @{ $redis->cmd('HKEYS', 'record') }),
   'backup:k.a backup:k.b', 'enable: and kept');
answers(call('pending', 2 => $EPOCH + 1), ['ok', 'now', 'new', 1],
        'pending: where there is a second factor');
$redis->cmd('HSET', 'record', 'enabled_at', 5);
answers(call('enable', 2 => $EPOCH + 1, 12 => 'k.z'), ['ok', 'now', $EPOCH + 2, 1],
        'enable: another phone');
is(field('enabled_at'), 5, 'enable: since as before');
is($redis->cmd('HEXISTS', 'record', 'backup:k.z'), 0, 'enable: the codes stay');
is((events())[0], 'new_phone', 'enable: the event of a phone');


# renew and codes

fresh(enabled('backup:k.a' => 1));
answers(call('renew'), ['ok', 'now', $EPOCH + 1], 'renew');
is(join(' ', grep { /^backup:/ } sort @{ $redis->cmd('HKEYS', 'record') }),
   'backup:k.c backup:k.d', 'renew: the old set is void');
is(field('epoch'), $EPOCH + 1, 'renew: the epoch');
is_deeply([revocations()], ['user name epoch ' . ($EPOCH + 1)], 'renew: ends other sessions');
is_deeply([events()], ['codes_renewed'], 'renew: the event');
my @now = (2 => $EPOCH + 1);
$r = call('codes', @now);
is_deeply([@$r[0, 2, 3, 5]], ['ok', 2, 'codes', 10], 'codes: on show');
ok($r->[4] > 500 && $r->[4] <= 1000, 'codes: for their time');
$r = call('codes', @now, 3 => 60000);
ok($r->[4] > 60000 && $r->[4] <= 61000, 'codes: more time');
is($r->[5], 9, 'codes: nine times more');
$redis->cmd('HSET', 'show', 'more', 10);
$r = call('codes', @now, 3 => 60000);
ok($r->[4] <= 61000, 'codes: ten times at most');
is($r->[5], 0, 'codes: then no more');
$redis->cmd('HSET', 'record', 'backup_set', 'another');
answers(call('codes', @now), ['ok', 'now', 2, '', 0, 0], 'codes: a void set is not shown');
$redis->cmd('HSET', 'record', 'backup_set', 'k.c');
$redis->cmd('PERSIST', 'show');
answers(call('codes', @now), ['ok', 'now', 2, '', 0, 0],
        'codes: nor one that has no end');
$redis->cmd('DEL', 'show');
answers(call('codes', @now), ['ok', 'now', 2, '', 0, 0], 'codes: over');


# settings and disable

fresh(enabled(enabled_at => 3, last_used_at => 4, failed_before => 2,
              'backup:k.a' => 1));
$redis->cmd('LPUSH', 'events', 'e');
answers(call('settings'), ['ok', 'now', 1, 3, 4, 2, 1, ['e']], 'settings');
$redis->cmd('SET', $_, 1) for qw(pending show);
answers(call('disable'), ['ok', 'now', $EPOCH + 1], 'disable');
is_deeply($redis->cmd('HGETALL', 'record'), ['epoch', $EPOCH + 1],
          'disable: the epoch stays, nothing else');
is($redis->cmd('EXISTS', 'pending', 'show'), 0, 'disable: nor what was under way');
is_deeply([revocations()], ['user name epoch ' . ($EPOCH + 1)], 'disable: ends other sessions');
is((events())[0], 'disabled', 'disable: the event');
answers(call('settings', @now), ['ok', 'now', 0, 0, 0, 0, 0,
        $redis->cmd('LRANGE', 'events', 0, 9)], 'settings: disabled');


# logout

my $ends = $time + 50;
fresh(enabled);
answers(call('logout', 7 => $ends, 8 => 'password'), ['ok'], 'logout: a code was owed');
$ttl = $redis->cmd('TTL', 'spent');
ok($ttl > 40 && $ttl <= 50, 'logout: the mark lasts as long as the session would');
is(revocations(), 0, 'logout: nothing to revoke');
answers(call('logout', 7 => $ends), ['none'], 'logout: once is enough');
fresh(enabled);
answers(call('logout', 7 => $ends), ['ok'], 'logout: here');
is($redis->cmd('EXISTS', 'spent'), 1, 'logout: with a mark, too');
is_deeply([revocations()], ["sid sid until $ends"], 'logout: of one session');
is(field('epoch'), $EPOCH, 'logout: others go on');
fresh(enabled);
answers(call('logout', 7 => $time - 5, 8 => $_), ['none'],
        "logout: over already, $_") for qw(full password everywhere);
is($redis->cmd('EXISTS', 'spent', 'stream', 'events'), 0, 'logout: nothing is written');
answers(call('logout', 7 => $ends, 8 => 'everywhere'), ['ok', 'now', $EPOCH + 1],
        'logout: everywhere');
is($redis->cmd('EXISTS', 'spent'), 1, 'logout: with a mark as well');
is_deeply([revocations()], ['user name epoch ' . ($EPOCH + 1)], 'logout: of all sessions');
is_deeply([events()], ['signed_out_everywhere'], 'logout: the event');
$redis->cmd('DEL', 'spent');
for my $what (qw(full everywhere)) {
    answers(call('logout', 8 => $what), ['none'],
            "logout: $what, by one that has ended with all others");
}
is(field('epoch'), $EPOCH + 1, 'logout: ends no others');
is(revocations(), 1, 'logout: nor fills the stream');
fresh;
answers(call('logout', 8 => 'everywhere'), ['ok'], 'logout: where the record is lost');
is_deeply([revocations()], ['sid sid until ' . $ends], 'logout: here alone');


# What a list keeps.

fresh(enabled);
call('attempt', 3 => 1000) for 1 .. 12;
is(events(), 10, 'ten events are kept');
fresh;
call('signin', 2 => "net$_") for 1 .. 25;
is($redis->cmd('ZCARD', 'known'), 20, 'twenty addresses are known');
$ttl = $redis->cmd('TTL', 'known');
ok($ttl > 2591990 && $ttl <= 2592000, 'for a month');
$redis->cmd('ZADD', 'known', $time - 2592100, 'net25', $time - 2591000, 'net24');
call('signin', 2 => 'net1');
is($redis->cmd('ZCARD', 'known'), 20, 'each from when it was last used:');
ok(!defined $redis->cmd('ZSCORE', 'known', 'net25'), 'a month ago');
ok(defined $redis->cmd('ZSCORE', 'known', 'net24'), 'and not yet');

$t->finish;

done_testing;
