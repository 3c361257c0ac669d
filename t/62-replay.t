# Nothing is good twice, and no two changes at once leave a state that is
# neither: over two nodes, with copies of cookies and codes.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin frank gina mallory)],
    nodes => 2, http => "totp_threads 2 max_queue=512;\n    totp_attempts 100 5m;");
my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);

sub half {
    my ($user, $node) = @_;
    return $t->client(node => $node)->half($user);
}

# The same cookie at the other node, on every worker of both.

sub everywhere {
    my ($c, $path) = @_;
    my @two = map { $c->clone(port => $t->node($_)->port) } qw(a b);
    my @r = Totp::Client->fire([ map { my $d = $_; map {
        [$d, $d->build('GET', $path || '/x', @JSON)] } 1 .. 8 } @two ]);
    my %s = map { ($_->status => 1) } @r;
    return join ' ', sort keys %s;
}

sub out { my ($c, $path) = @_;
    return wait_until(sub { everywhere($c, $path) eq '401' }, 5, 0.05) }

sub record { my ($user) = @_;
    my @h = @{ $redis->cmd('HGETALL', "totp:user:{default:$user}") };
    return { @h } }

# No step was accepted yet: so that no test waits for the next one.

sub rewind_steps {
    my ($user) = @_;
    $redis->cmd('HDEL', "totp:user:{default:$user}", 'last_step');
    $t->otp($user)->{last} = -1;
    return;
}

# All at once; the answers, and how often each came.

sub race {
    my (@jobs) = @_;
    my @r = Totp::Client->fire([ map { my ($c, $page, $form) = @$_;
        [$c, $c->build('POST', "/2fa/$page", @JSON,
         form => { csrf => $c->{csrf}, %$form })] } @jobs ]);
    my %got;
    $got{ $_->status . ' ' . ($_->error || $_->stage) }++ for @r;
    return (\%got, @r);
}


# Signed out: a copy is of no use on either node, nor can it sign out others.

my $alice = $t->client(node => 'a')->ready('alice');
my $bystander = $t->client(node => 'b');
is($bystander->sign_in('alice')->stage, 'full', 'another session');
my $copy = $alice->clone->at($t->node('b'));
is(everywhere($copy), '200', 'a copy of a cookie works everywhere');
is_error($copy->act('logout', { csrf => '' }), 403, 'bad_csrf',
         '[attack 11] signing out without the token');
is(everywhere($copy), '200', '[attack 11] signs nobody out');
is($alice->act('logout', {})->status, 200, 'signed out on a');
is_error($copy->clone->at($t->node('a'))->get_json('/x'), 401, 'login_required',
         '[attack 11] the copy is out on a at once');
ok(out($copy), '[attack 11] and everywhere within moments');
is_error($copy->page('settings'), 401, 'login_required', '[attack 11] in the portal, too');
is_error($copy->act('backup-codes', {}), 401, 'login_required', '[attack 11] and for changes');
$copy->act('logout', { everywhere => 1 });
is(everywhere($bystander), '200', '[attack 11] and it ends no other session');
is(everywhere($copy), '401', '[attack 11] nor comes back');


# One half session, any number of right codes, all at once: one session.

my @backup = @{ $alice->{enrolled}{codes} };
my $otp = $t->otp('alice');
for my $round (1 .. 3) {
    rewind_steps('alice');
    my $c = half('alice', 'a');
    my $d = $c->clone->at($t->node('b'));
    my $left = grep { /^backup:/ } keys %{ record('alice') };
    my @proofs = map { $otp->code_at_step($otp->next_step) } 1 .. 4;
    my ($got, @r) = race(map { ([$c, 'code', { code => $_ }], [$d, 'code', { code => $_ }]) }
                         @proofs, $backup[$round]);
    is($got->{'200 full'}, 1, "[attack 12] round $round: exactly one session")
        or diag explain $got;
    my ($won) = grep { $_->stage eq 'full' } @r;
    my $gone = $left - grep { /^backup:/ } keys %{ record('alice') };
    my ($in) = grep { $r[$_]->stage eq 'full' } 0 .. $#r;
    is($gone, $in >= 8 ? 1 : 0, "[attack 12] round $round: no other code was spent");
    for my $node (qw(a b)) {
        my $again = $c->clone->at($t->node($node));
        is_error($again->code($otp->code_off(1)), 401, 'login_required',
                 "[attack 12] round $round: the half session is spent on $node");
        is_error($again->code($backup[4]), 401, 'login_required',
                 "[attack 12] round $round: for backup codes on $node");
        refused($again->get('/x'), "[attack 12] round $round: and opens nothing on $node");
    }
}


# Fifty tries of one code, from ten sign-ins over two nodes.

$t->client(node => 'b')->ready('bob');
my $bob = $t->otp('bob');
{
    my @c = map { half('bob', $_ % 2 ? 'a' : 'b') } 1 .. 10;
    my $code = $bob->next_code;
    my ($got) = race(map { [$c[$_ % 10], 'code', { code => $code }] } 1 .. 50);
    is($got->{'200 full'}, 1, '[attack 16] one code, fifty tries, one session')
        or diag explain $got;
    is(scalar(grep { !/^(?:200 full|401 code_used|401 login_required)$/ } keys %$got), 0,
       '[attack 16] the others are refused') or diag explain $got;
    is_error(half('bob', $_)->code($code), 401, 'code_used', "[attack 16] nor later on $_")
        for qw(a b);
}

# A later step first: the earlier ones are over, on either node.

rewind_steps('bob');
$bob->settle(6);
{
    my @step = map { $bob->next_step } 1 .. 3;
    is(half('bob', 'a')->code($bob->code_at_step($step[2]))->stage, 'full',
       '[attack 17] a code of the next step');
    is_error(half('bob', $_->[0])->code($bob->code_at_step($_->[1])), 401, 'code_used',
             '[attack 17] then that of an earlier one')
        for [b => $step[1]], [a => $step[0]], [b => $step[2]];
    is(record('bob')->{last_step}, $step[2], '[attack 17] the last step stands');
}


# One code for one thing: confirming, signing in, being fresh again.

{
    my $c = $t->client(node => 'a');
    $c->login('carol');
    my $e = $c->page('setup')->json;
    my $otp = $t->otp(carol => Totp::Otp->from_uri($e->{otpauth}, skew => 3));
    $otp->settle(8);
    my @code = map { $otp->next_code } 1 .. 4;
    is($c->act('setup', { code => $code[0] })->status, 200, 'confirmed by a code');
    is_error($c->code($code[0]), 401, 'code_used', '[attack 19] it makes nobody fresh');
    is_error(half('carol', 'b')->code($code[0]), 401, 'code_used', '[attack 19] nor signs in');
    my $d = half('carol', 'b');
    is($d->code($code[1])->stage, 'full', 'signed in with the next');
    is_error($d->code($code[1]), 401, 'code_used', '[attack 19] that makes nobody fresh');
    is_error($c->code($code[1]), 401, 'code_used', '[attack 19] in no session');
    is($c->code($code[2])->status, 200, 'fresh with the one after');
    is_error(half('carol', 'a')->code($code[2]), 401, 'code_used', '[attack 19] signs nobody in');

    # the new phone's code neither; nor is the old phone's good for it
    my $n = Totp::Otp->from_uri($c->page('setup')->json->{otpauth}, skew => 3);
    is_error($c->act('setup', { code => $code[3] }), 401, 'bad_code',
             "[attack 19] the old phone's code confirms no new one");
    my $first = $n->next_code;
    is($c->act('setup', { code => $first })->status, 200, 'a new phone');
    is_error(half('carol', 'b')->code($first), 401, 'code_used', '[attack 19] once');
    is_error(half('carol', 'b')->code($code[3]), 401, 'bad_code',
             '[attack 20] the old phone is over, its unused codes as well');
    is($c->act('disable', {})->status, 200, 'disabled');
    my $again = $c->enroll('carol');
    is($again->{confirm}->status, 200, 'and set up again');
    for my $old ($otp, $n) {
        refused(half('carol', 'a')->code($old->code_off($_)),
                "[attack 20] a secret of before is void, step $_") for -1 .. 1;
    }
}

# A code is one user's.

$t->client(node => 'a')->ready('mallory');
refused(half('mallory', 'a')->code($bob->code_off($_)),
        "[attack 20] another user's code, step $_") for -1 .. 1;
rewind_steps('bob');
is(half('bob', 'a')->code($bob->next_code)->stage, 'full', 'is not spent by that');
{
    my $c = half('mallory', 'a');
    my $r = $c->act('code', { code => $bob->code_off(0), username => 'bob', user => 'bob' });
    refused($r, '[attack 20] whoever else is named in the form');
    isnt($r->json->{user} || '', 'bob', '[attack 20] which names nobody');
}


# What ends the other sessions, and what becomes of the one that acts.

for my $what (
    ['new backup codes', sub { $_[0]->act('backup-codes', {}) }],
    ['a new phone', sub { my $n = Totp::Otp->from_uri($_[0]->page('setup')->json->{otpauth},
                                                      skew => 3);
                          my $r = $_[0]->act('setup', { code => $n->next_code });
                          $t->otp(dave => $n); $r }],
    ['disabling', sub { $_[0]->act('disable', {}) }],
    ['enabling', sub { $_[0]->enroll('dave')->{confirm} }, 1],
) {
    my ($name, $do, $none) = @$what;
    my ($s1, $s2, $owes) = map { $t->client(node => $_) } qw(a b b);
    if ($none) {
        $_->login('dave') for $s1, $s2;
    } else {
        rewind_steps('dave') if $t->otp('dave');
        $t->otp('dave') ? $s1->sign_in('dave') : $s1->ready('dave');
        $s2->sign_in('dave');
        $owes->login('dave');
    }
    is($s1->page('settings')->status . ' ' . $s2->page('settings')->status, '200 200',
       "$name: two sessions");
    my $before = $s1->clone;
    my $r = $do->($s1);
    is($r->status, 200, "$name: done on a") or diag $r->body;
    isnt($s1->cookie, $before->cookie, "[attack 13] $name: the acting session is another");
    ok(out($before, '/2fa/settings'), "[attack 13] $name: what it was before is over");
    ok(out($s2, '/2fa/settings'), "[attack 13] $name: so is the other session");
    is(everywhere($s1, '/2fa/settings'), '200', "[attack 13] $name: the new one is good");
    is_error($owes->code('123456'), 401, 'login_required',
             "[attack 13] $name: who owed a code signs in again") unless $none;
    is_error($s2->act('logout', { csrf => $s1->{csrf} }), 403, 'bad_csrf',
             "[attack 13] $name: a token of the new session is none of the old");
}


# Two tabs, one pending secret, two right codes at once.

{
    my $c = $t->client(node => 'a');
    $c->login('erin');
    my $otp = Totp::Otp->from_uri($c->page('setup')->json->{otpauth}, skew => 3);
    my $d = $c->clone->at($t->node('b'));
    is($d->page('setup')->json->{secret}, $otp->{secret}, '[attack 38] two tabs, one picture');
    my ($got, @r) = race([$c, 'setup', { code => $otp->next_code }],
                         [$d, 'setup', { code => $otp->next_code }]);
    is($got->{'200 full'}, 1, '[attack 38] confirmed once') or diag explain $got;
    my ($won) = grep { $r[$_]->status == 200 } 0, 1;
    refused($r[1 - $won], '[attack 38] the other is told') or diag explain $got;
    $_->learn($r[$won]) for $c, $d;
    is(scalar @{ $c->page('backup-codes')->json->{codes} }, 5, '[attack 38] one set of codes');
    $t->otp(erin => $otp);
    $otp->{last} = $otp->step + 1;
    is(half('erin', 'b')->code($otp->next_code)->stage, 'full',
       '[attack 38] and the secret is that of the picture');

    # a code of the other session's picture, and each one's own: see also 40-two-nodes.t
    my @c = map { my $x = $t->client(node => $_); $x->login('frank'); $x } qw(a b);
    my @otp = map { Totp::Otp->from_uri($_->page('setup')->json->{otpauth}, skew => 3) } @c;
    isnt($otp[0]{secret}, $otp[1]{secret}, '[attack 39] two sessions, two secrets');
    is_error($c[$_]->act('setup', { code => $otp[1 - $_]->code_off(0) }), 401, 'bad_code',
             "[attack 38] [attack 39] the other's code confirms nothing") for 0, 1;
    is(scalar(grep { /secret/ } keys %{ record('frank') }), 0, '[attack 39] nothing is enabled');
    ($got, @r) = race(map { [$c[$_], 'setup', { code => $otp[$_]->next_code }] } 0, 1);
    is($got->{'200 full'}, 1, '[attack 38] each its own, at once: one wins') or diag explain $got;
    ($won) = grep { $r[$_]->status == 200 } 0, 1;
    is(half('frank', 'a')->code($otp[$won]->next_code)->stage, 'full',
       '[attack 38] and it is the one whose picture was shown');
    is_error($c[1 - $won]->act('setup', { code => $otp[1 - $won]->next_code }), 401,
             'login_required', '[attack 39] what was pending elsewhere is void');
}


# Confirming a new phone on one node while disabling on the other, by one session
# or two; and signing in meanwhile.

for my $round (1 .. 6) {
    my $c = $t->client(node => 'a');
    $c->login('gina');
    my $old = Totp::Otp->from_uri($c->page('setup')->json->{otpauth}, skew => 3);
    is($c->act('setup', { code => $old->next_code })->status, 200, "race $round: enabled");
    my $new = Totp::Otp->from_uri($c->page('setup')->json->{otpauth}, skew => 3);
    my $d = $c->clone->at($t->node('b'));
    if ($round % 2) {
        $d = half('gina', 'b');
        is($d->code($old->next_code)->stage, 'full', "race $round: a second session");
    }
    my $in = half('gina', 'b');
    my @jobs = ([$c, 'setup', { code => $new->next_code }], [$d, 'disable', {}],
                [$in, 'code', { code => $old->next_code }]);
    @jobs = reverse @jobs if $round > 3;
    my ($got, @r) = race(@jobs);
    @r = reverse @r if $round > 3;
    is(scalar(grep { $_->status == 200 } @r[0, 1]), 1, "[attack 40] race $round: one wins")
        or diag explain $got;

    my %h = %{ record('gina') };
    my $n = grep { /^backup:/ } keys %h;
    if ($r[0]->status == 200) {
        ok(defined $h{secret} && defined $h{last_step} && $n == 5,
           "[attack 40] race $round: enabled, whole") or diag explain \%h;
        $c->learn($r[0]);
        is($c->page('settings')->json->{enabled} ? 1 : 0, 1, "[attack 40] race $round: it says so");
        is(half('gina', 'a')->code($new->next_code)->stage, 'full',
           "[attack 40] race $round: with the new phone");
        is($c->act('disable', {})->status, 200, "race $round: disabled now");
    } else {
        is_deeply([keys %h], ['epoch'], "[attack 40] race $round: disabled, whole");
        is($t->client(node => 'b')->login('gina')->stage, 'full',
           "[attack 40] race $round: the password alone");
    }
    if ($r[2]->stage eq 'full') {
        $in->learn($r[2]);
        ok(out($in, '/2fa/settings'), "race $round: who signed in just before is out");
    } else {
        refused($r[2], "race $round: nobody signs in to what is gone");
    }
}

$t->finish;

done_testing;
