# The ten journeys, end to end, as an API client goes them: by JSON, following
# `next`.  Then what must hold when things happen at once.

use Totp::Test;

my $t = Totp::Test->new(
    users => [(map { "user$_" } 1, 2, 6 .. 10), qw(race once gone)],
    nodes => 2, http => <<'END', servers => <<'END2');
    totp_help     "Call Ms Sample, room 7.";
    totp_threads  2 max_queue=512;
END
    server {
        listen       127.0.0.1:%PORT_short%;
        server_name  localhost;
        totp         on;
        totp_backup_codes_display  4s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_wide%;
        server_name  localhost;
        totp         on;
        totp_skew    9;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen         127.0.0.1:%PORT_open%;
        server_name    localhost;
        totp           on;
        totp_attempts  100 5m;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2
my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);

sub half {
    my ($user, @where) = @_;
    return $t->client(@where)->half($user);
}

# A good answer of the portal, and where it leads.

sub leads {
    my ($r, $stage, $path, $next, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status . ' ' . $r->stage, "200 $stage", "$name: $stage")
        or diag $r->body;
    is($r->target_path, $path, "$name: leads to $path");
    is($r->target_next, $next, "$name: and on to $next") if defined $next;
    return;
}

sub codes_of {
    my ($c) = @_;
    my $codes = $c->page('backup-codes')->json->{codes} || [];
    secret_add(backup => $_) for @$codes;
    return $codes;
}

# A line of the README, run as it is but for the socket and the user.

sub readme {
    my ($re, $user) = @_;
    my @lines = grep { /$re/ } split /\n/, slurp('README.md');
    is(scalar @lines, 1, 'the README has that line once') or return '';
    my $line = $lines[0];
    $line =~ s/\AU=default:alice;/U=default:$user;/ or die $line;
    $line =~ s{/run/redis/redis\.sock}{$redis->{socket}}g or die $line;
    tool('redis-cli');
    my $file = spew("$t->{dir}/line.sh", "$line\n");
    my $out = `sh $file 2>&1`;
    chomp $out;
    return $out;
}


# 1  Enable.

my $c = $t->client;
my $r = $c->get_json('/deep?x=1');
is_error($r, 401, 'login_required', '1: nobody');
is($r->json->{login} =~ s/\?.*//r, '/2fa/login', '1: is told where to sign in');
leads($c->login('user1', undef, next => '/deep?x=1'), 'full', '/deep', undef,
      '1: the password');
is_error($c->get_json('/deep?x=1'), 401, 'setup_required', '1: a second factor is owed');
ok(!$c->page('settings')->json->{enabled}, '1: settings: not enabled');
my $setup = $c->page('setup')->json;
my $phone = Totp::Otp->from_uri($setup->{otpauth}, skew => 3);
is($phone->{secret}, $setup->{secret}, '1: the key as text is that of the picture');
is_error($c->act('setup', { code => $phone->wrong_code }), 401, 'bad_code',
         '1: a wrong code');
ok(!$c->page('settings')->json->{enabled}, '1: enables nothing');
is($c->page('setup')->json->{secret}, $setup->{secret}, '1: and the key stays');
leads($c->act('setup', { code => $phone->next_code, next => '/deep?x=1' }),
      'full', '/2fa/backup-codes', '/deep?x=1', '1: the right code');
$t->otp(user1 => $phone);
ok($c->page('settings')->json->{enabled}, '1: enabled');
through($c->get('/deep?x=1'), '1: the gate is open');


# 2  Backup codes, once.

my $two = $t->client->ready('user2');
my @codes = @{ $two->{enrolled}{codes} };
is(scalar @codes, 5, '2: five codes');
my $left = $two->{enrolled}{backup}->json->{expires_in};
ok($left > 0 && $left <= 30, '2: for thirty seconds') or diag $left;
is_deeply(codes_of($two), \@codes, '2: a reload shows the same five');
leads($two->act('backup-codes', { more => 1, next => '/deep' }), 'full',
      '/2fa/backup-codes', '/deep', '2: more time');
my $more = $two->page('backup-codes')->json->{expires_in};
cmp_ok($more, '>', 30, '2: there is more time');
cmp_ok($more, '<=', $left + 30, '2: thirty seconds of it');
is_deeply(codes_of($two), \@codes, '2: for the same codes');


# 3  Sign in.

$c = $t->client(node => 'b');
leads($c->login('user1', undef, next => '/deep?x=2'), 'password', '/2fa/code',
      '/deep?x=2', '3: the password');
is_error($c->get_json('/deep?x=2'), 401, 'code_required', '3: is not enough');
is($c->page('code')->status, 200, '3: the code page');
$r = $c->code($phone->next_code, next => '/deep?x=2');
is($r->stage, 'full', '3: the code');
is($r->json->{next}, '/deep?x=2', '3: leads to what was asked for');
is($r->json->{user}, 'user1', '3: names the user');
through($c->get('/deep?x=2'), '3: in');


# 4  Sign in with a backup code.

$c = half('user2', node => 'b');
$r = $c->code(uc $codes[0] =~ s/-/ /gr, next => '/deep');
is($r->stage . ' ' . $r->target, 'full /deep', '4: a backup code signs in');
is($r->json->{backup_codes_left}, 4, '4: and is told how many are left');
through($c->get('/deep'), '4: in');
is_error(half('user2')->code($codes[0]), 401, 'bad_code', '[attack 31] 4: once only');
is(half('user2')->code($codes[$_])->json->{backup_codes_left}, 4 - $_,
   "4: one less, $_") for 1 .. 3;
my $page = $two->get_html('/2fa/settings');
unlike($page->body, qr/\Q$codes[4]/, '4: no page names the last one');


# 5  Renew.

$two->ready('user2');
leads($two->act('backup-codes', { next => '/deep' }), 'full', '/2fa/backup-codes',
      '/deep', '5: a new set');
my @new = @{ codes_of($two) };
is(scalar @new, 5, '5: five new ones');
is_error(half('user2')->code($codes[4]), 401, 'bad_code', '[attack 32] 5: the old ones are void');
is(half('user2')->code($new[0])->stage, 'full', '5: the new ones are good');
is($two->page('settings')->json->{backup_codes_left}, 4, '5: four are left');
my %what = map { ($_->{what} => 1) } @{ $two->page('settings')->json->{events} };
ok($what{codes_renewed}, '5: it is among the events');


# 6  Disable.

my $six = $t->client->ready('user6');
@codes = @{ $six->{enrolled}{codes} };
is($six->page('disable')->status, 200, '6: the page');
leads($six->act('disable', {}), 'full', '/2fa/settings', undef, '6: disabled');
my $s = $six->page('settings')->json;
ok(!$s->{enabled}, '6: settings: not enabled');
ok($s->{required}, '6: but required');
is_error($six->get_json('/x'), 401, 'setup_required', '6: it is to be set up again');
is_deeply($redis->cmd('HKEYS', 'totp:user:{default:user6}'), ['epoch'],
   '6: Redis keeps nothing but the epoch');
is_deeply([ $redis->keys('totp:codes:*user6*') ], [], '6: nor codes on show');
is($six->enroll('user6')->{confirm}->status, 200, '6: set up again');
is_error(half('user6')->code($codes[0]), 401, 'bad_code', '6: the old codes are void');


# 7  Wrong clock.

$t->client->ready('user7');
my $otp = $t->otp('user7');
for my $off (6, -7) {
    $otp->settle(3);
    $c = half('user7');
    my $step = $otp->step + $off;
    my $code = $otp->code_at_step($step);
    $r = $c->code($code);
    is_error($r, 401, 'clock_off', "7: $off steps off");
    my $drift = $r->json->{drift} || 0;
    cmp_ok($drift * $off, '>', 0, "7: $off: which way");
    cmp_ok(abs($drift - 30 * $off), '<=', 30, "7: $off: roughly how much");
    is($r->json->{attempts_left}, $off > 0 ? 4 : 2, "7: $off: is counted");
    like($r->json->{message}, qr/clock/i, "7: $off: says so");
    $r = half('user7', port => 'wide')->code($code);
    is_error($r, 401, 'code_used', "[attack 17] 7: $off: that step is burnt") if $off > 0;
    refused($r, "7: $off: and accepted nowhere");
    $redis->cmd('HDEL', 'totp:user:{default:user7}', 'fails') if $off < 0;
}
is(half('user7')->code($otp->next_code)->stage, 'full', '7: a right clock signs in');


# 8  New phone.

my $eight = $t->client->ready('user8');
@codes = @{ $eight->{enrolled}{codes} };
my $old = $t->otp('user8');
my $new = Totp::Otp->from_uri($eight->page('setup')->json->{otpauth}, skew => 3);
is(half('user8')->code($old->next_code)->stage, 'full', '[attack 37] 8: the old phone works');
is_error($eight->act('setup', { code => $new->wrong_code }), 401, 'bad_code',
         '8: a wrong code');
is(half('user8')->code($old->next_code)->stage, 'full', '8: it still does');
leads($eight->act('setup', { code => $new->next_code }), 'full', '/2fa/settings',
      undef, '8: the new one is confirmed');
refused(half('user8')->code($old->next_code), '[attack 37] 8: the old one works no more');
is(half('user8')->code($new->next_code)->stage, 'full', '8: the new one does');
is($eight->page('settings')->json->{backup_codes_left}, 5, '8: the backup codes stay');
is(half('user8')->code($codes[2])->stage, 'full', '8: and are good');


# 9  Sign out, here and everywhere.

my $nine = $t->client->ready('user9');
my @other = map { my $c = $t->client(node => $_); $c->sign_in('user9'); $c } qw(a b);
my $was = $nine->clone;
leads($nine->act('logout', {}), 'none', '/2fa/login', undef, '9: signed out');
for my $c ($nine, $was) {
    is_error($c->get_json('/x'), 401, 'login_required', '9: out');
}
through($other[$_]->get('/x'), "9: session $_ holds") for 0, 1;
$nine->sign_in('user9');
leads($nine->act('logout', { everywhere => 1 }), 'none', '/2fa/login', undef,
      '9: signed out everywhere');
for my $i (0, 1) {
    ok(wait_until(sub { $other[$i]->get('/x')->status == 401 }, 10),
       "9: session $i has ended");
}
is($nine->sign_in('user9')->stage, 'full', '9: and in again');


# 10  Phone and codes lost.

$t->client->ready('user10');
my $had = $t->otp('user10');
$c = half('user10');
like($c->get_html('/2fa/code')->body, qr/Call Ms Sample, room 7\./,
     '10: the code page says whom to ask');
for my $page (qw(settings setup backup-codes disable)) {
    is_error($c->page($page), 401, 'code_required', "[attack 35] 10: $page is no way around");
    is_error($c->act($page, {}), 401, 'code_required', "10: nor is POST $page")
        if $page ne 'settings';
}
is_error($c->get_json('/x'), 401, 'code_required', '10: the gate is closed');
like(readme(qr/^U=.*EVAL.*nothing to reset/, 'user10'), qr/^"?reset, epoch \d+/,
     '10: an operator resets him');
ok(wait_until(sub { $c->page('code')->error eq 'login_required' }, 10),
   '10: the session that owed a code is over');
is($c->login('user10')->stage, 'full', '10: the password signs in');
is_error($c->get_json('/x'), 401, 'setup_required', '10: and leads to the set-up');
my $e = $c->enroll('user10');
is($e->{confirm}->status, 200, '10: set up on another phone');
isnt($e->{secret}, $had->{secret}, '10: with another key');
through($c->get('/x'), '10: in');


# Renewals at once: exactly one set is valid, and it is the one that is shown.
# Two sessions on two nodes, then two tabs of one session.

sub valid {
    my ($user, $code) = @_;
    my $r = half($user, port => 'open', node => 'b')->code($code);
    return $r->stage eq 'full' ? 1 : 0;
}

my $race = $t->client->ready('race');
my $set = $race->{enrolled}{codes};

for my $round (1 .. 3) {
    my @c = map { half('race', node => $_) } qw(a b);
    if ($round == 3) {
        is($c[0]->code($set->[0])->stage, 'full', "round $round: signed in");
        $c[1] = $c[0]->clone(port => $t->node('b')->port);
    } else {
        is($c[$_]->code($set->[$_])->stage, 'full', "round $round: signed in, $_")
            for 0, 1;
    }

    my @r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/backup-codes',
        form => { csrf => $_->{csrf} }, @JSON)] } @c ]);
    $c[$_]->learn($r[$_]) for 0, 1;
    cmp_ok(scalar(grep { $_->status == 200 } @r), '>=', 1, "round $round: renewed");
    is(scalar(grep { $_->status !~ /^(?:200|401)$/ } @r), 0,
       "round $round: the other is told") or diag map { $_->body } @r;

    my @shown = grep { @$_ } map { codes_of($_) } @c;
    my %sets = map { (join(',', @$_) => $_) } @shown;
    is(scalar keys %sets, 1, "[attack 33] round $round: one set is shown") or last;
    my ($now) = values %sets;
    is(scalar @$now, 5, "round $round: of five codes");
    is(scalar(grep { /^backup:/ }
              @{ $redis->cmd('HKEYS', 'totp:user:{default:race}') }), 5,
       "round $round: five codes are kept");
    is(scalar(grep { valid('race', $_) } @$set), 0,
       "round $round: none of the old set is valid");
    is(scalar(grep { valid('race', $_) } $round < 3 ? @$now[3, 4] : @$now),
       $round < 3 ? 2 : 5, "round $round: the shown ones are");
    $set = $now;
}


# One backup code on twenty connections over two nodes lets exactly one in.

my $once = $t->client->ready('once');
@codes = @{ $once->{enrolled}{codes} };

for my $case ([open => 0], [open => 1], ['', 2]) {
    my ($port, $n) = @$case;
    my $name = $port ? "no lock, code $n" : 'with the usual lock';
    my @c = map { half('once', node => $_ % 2 ? 'a' : 'b',
                       ($port ? (port => $port) : ())) } 1 .. 20;
    my @r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/code',
        form => { code => $codes[$n], csrf => $_->{csrf} }, @JSON)] } @c ]);
    my %got;
    $got{ $_->status . ' ' . ($_->error || $_->stage) }++ for @r;
    is($got{'200 full'}, 1, "[attack 31] $name: exactly one of twenty is in")
        or diag explain \%got;
    if ($port) {
        is($got{'401 bad_code'}, 19, "$name: the others are told why")
            or diag explain \%got;
    } else {
        is(($got{'401 bad_code'} || 0) + ($got{'429 locked'} || 0), 19,
           "$name: the others are told why") or diag explain \%got;
    }
    $c[$_]->learn($r[$_]) for 0 .. 19;
    is(scalar(grep { $_->get('/x')->status == 200 } @c), 1,
       "$name: the gate is open to exactly one");
    is($once->page('settings')->json->{backup_codes_left}, 4 - $n,
       "$name: one code was spent");
    $redis->cmd('HDEL', 'totp:user:{default:once}',
                qw(fails fails_from locks locked_until row));
}


# After the time on show nothing yields a code: not the page, the back button
# or a reload, not another tab or session, not Redis.

my $gone = $t->client(port => 'short');
$gone->login('gone');
my $tab = $gone->clone;
$e = $gone->enroll('gone');
@codes = @{ $e->{codes} };
is(scalar @codes, 5, 'on show');
my @show = $redis->keys('totp:codes:*gone*');
is(scalar @show, 1, 'on show: one key');
my $ttl = $redis->cmd('PTTL', $show[0]);
ok($ttl > 0 && $ttl <= 4000, 'which ends by itself') or diag $ttl;
my $else = half('gone', port => 'short');
is($else->code($t->otp('gone')->next_code)->stage, 'full', 'another session');

ok(wait_until(sub { !@{ codes_of($gone) } }, 20, 0.2), 'the show ends');
my $any = join '|', @codes, map { s/-//gr } @codes;

for my $who (['the session', $gone], ['another session', $else],
             ['an older tab', $tab],
             ['the other node', $gone->clone(
                 port => $t->node('b')->port('short'))])
{
    my ($name, $c) = @$who;
    for my $path ('backup-codes', 'settings', 'setup', 'disable', 'code') {
        my $json = $c->page($path);
        my $html = $c->get_html("/2fa/$path");
        unlike($_->body . $_->{head}, qr/$any/i, "[attack 33] $name: $path") for $json, $html;
    }
    $c->act('backup-codes', { more => 1 });
    $c->get_html('/2fa/backup-codes', 'Cache-Control' => 'only-if-cached',
                 'If-Modified-Since' => 'Thu, 01 Jan 2099 00:00:00 GMT');
    is_deeply($c->page('backup-codes')->json->{codes} || [], [],
              "$name: more time brings none back");
}
like($gone->page('backup-codes')->header('Cache-Control'), qr/no-store/,
     'no cache keeps the page');
is_deeply([ $redis->keys('totp:codes:*gone*') ], [], 'no key of them is left');
is(scalar $t->leaks($redis->dump), 0, '[attack 34] no key of Redis has one')
    or diag join "\n", $t->leaks($redis->dump);
is($gone->page('settings')->json->{backup_codes_left}, 5, 'while all five are good');
is(half('gone')->code($codes[4])->stage, 'full', 'as it shows');

$t->finish;

done_testing;
