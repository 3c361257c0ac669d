# The keyring: a key is added, moved to the front, removed and put back, as the
# README tells an operator to.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin)], nodes => 2,
    http => "totp_backup_codes_display 10m;\n    totp_attempts 50 5m;");
my $redis = $t->redis;
my ($A, $B) = ($t->node('a'), $t->node('b'));
my ($old, $new) = (random_bytes(32), random_bytes(32));

sub keys_are {
    my (@pairs) = @_;
    $t->keyring(@pairs);
    ok($_->reload, "reload of $_->{name}") for $A, $B;
}

sub half {
    my ($user, $node) = @_;
    return $t->client(node => $node)->half($user);
}

sub secret_key {
    my ($user) = @_;
    my $v = $redis->cmd('HGET', "totp:user:{default:$user}", 'secret');
    return defined $v && $v =~ /\A([^.]+)\./ ? $1 : 'none';
}

# Backup codes of a record by the key they are under, e.g. "k1 x 5".

sub backup_keys {
    my ($user) = @_;
    my %n;
    for (@{ $redis->cmd('HKEYS', "totp:user:{default:$user}") }) {
        $n{$1}++ if /\Abackup:([^.]+)\./;
    }
    return join ' ', map { "$_ x $n{$_}" } sort keys %n;
}

keys_are(k1 => $old);
my %codes;
my %session;
for my $user (qw(alice bob carol)) {
    $session{$user} = $t->client->ready($user);
    $codes{$user} = $session{$user}{enrolled}{codes};
    is(secret_key($user), 'k1', "$user: sealed under the only key");
    is(backup_keys($user), 'k1 x 5', "$user: the backup codes as well");
}
my $dave = $t->client;
$dave->login('dave');
my $pending = $dave->page('setup')->json;


# Added as the last one, then in front; first on one node, then on the other.

keys_are(k1 => $old, k2 => $new);
is(half('alice', 'a')->code($t->otp('alice')->next_code)->stage, 'full',
   'added last: signs in');
is(secret_key('alice'), 'k1', 'added last: nothing is sealed anew');

$t->keyring(k2 => $new, k1 => $old);
ok($A->reload, 'in front on a');
through($session{$_}->get('/x'), "a session of before holds: $_") for qw(alice bob);
is(secret_key('alice'), 'k1', 'a reload alone seals nothing');
my $c = half('alice', 'a');
is(secret_key('alice'), 'k1', 'nor does the password');
is_error($c->code($t->otp('alice')->wrong_code), 401, 'bad_code', 'a wrong code');
is(secret_key('alice'), 'k1', 'seals nothing');
is($c->code($t->otp('alice')->next_code)->stage, 'full', 'a right code');
is(secret_key('alice'), 'k2', 'seals the secret under the first key');
is(backup_keys('alice'), 'k1 x 5', 'the backup codes stay as they are');
through($c->clone(port => $B->port)->get('/x'),
        'its session is good on the node where the key is the last');
is(half('alice', 'b')->code($t->otp('alice')->next_code)->stage, 'full',
   'that node opens the new sealing');
ok($B->reload, 'in front on b');
is(half('alice', 'b')->code($t->otp('alice')->next_code)->stage, 'full', 'signs in there');
is(secret_key('alice'), 'k2', 'sealed under the first key');

is(half('alice', 'b')->code($codes{alice}[0])->stage, 'full',
   'a backup code under the old key still works');
is_error(half('alice', 'a')->code($codes{alice}[0]), 401, 'bad_code', 'once');
is($session{alice}->page('settings')->json->{backup_codes_left}, 4, 'four are left');
is_deeply($session{carol}->page('backup-codes')->json->{codes}, $codes{carol},
          'a set on show under the old key is still shown');

is(half('bob', 'a')->code($codes{bob}[0])->stage, 'full',
   'a backup code signs in who has not done so since');
is(secret_key('bob'), 'k2', 'and seals the secret anew, too');

is($dave->page('setup')->json->{secret}, $pending->{secret},
   'a pending secret under the old key is still shown');
my $otp = Totp::Otp->from_uri($pending->{otpauth}, skew => 3);
is($dave->act('setup', { code => $otp->next_code })->status, 200, 'and confirmed');
$t->otp(dave => $otp);
is(backup_keys('dave'), 'k2 x 5', 'new backup codes are under the first key');
is(half('dave', 'b')->code($otp->next_code)->stage, 'full', 'dave signs in');
is(secret_key('dave'), 'k2', 'and is under the new key then');
$t->client->ready('erin');
is(secret_key('erin') . ', ' . backup_keys('erin'), 'k2, k2 x 5',
   'who enables now is under the new key at once');

my $a = $session{alice};
is($a->code($codes{alice}[2])->status, 200, 'fresh');
is($a->act('backup-codes', {})->status, 200, 'renewed backup codes');
is(backup_keys('alice'), 'k2 x 5', 'are under the new key, all of them');
is(secret_key('carol'), 'k1', 'who did nothing is still under the old one');


# Removed: what is sealed under it is unavailable, never "not enabled".

$c = half('carol', 'a');
keys_are(k2 => $new);
$_->mark for $A, $B;
is_error($session{carol}->get_json('/x'), 401, 'login_required',
         'a session signed under the removed key is a forged one');
is($c->page('code')->status, 200, 'one under the first key holds');

for my $node ($A, $B) {
    my $d = $t->client(node => $node->{name});
    my $r = $d->login('carol');
    isnt($r->stage, 'full', "$node->{name}: the password alone lets nobody in");
    for my $code ($t->otp('carol')->next_code, $codes{carol}[1]) {
        $r = $d->code($code);
        is_error($r, 503, 'unavailable', "$node->{name}: removed key: unavailable");
        is($r->header('Set-Cookie'), undef, "$node->{name}: no cookie is set");
    }
    is_error($d->get_json('/x'), 401, 'code_required', "$node->{name}: not in");
    my $page = $d->post_html('/2fa/code', { code => $t->otp('carol')->next_code });
    is($page->status, 503, "$node->{name}: as a page");
    unlike($page->body, qr/(?:"|&quot;|>)k1\b|totp\.keys/, "$node->{name}: which names no key");

    my @lines = grep { /default:carol/ } split /\n/, $node->since;
    cmp_ok(scalar @lines, '>=', 1, "$node->{name}: the log names the user");
    like($lines[0] || '', qr/"k1"/, "$node->{name}: and the key");
    like($lines[0] || '', qr/\Q$t->{dir}\E\/totp\.keys/, "$node->{name}: and the file");
}
is($redis->cmd('HEXISTS', 'totp:user:{default:carol}', 'secret'), 1, 'nothing is lost');
is(backup_keys('carol'), 'k1 x 5', 'no backup code either');

for my $user (qw(alice dave erin)) {
    is(half($user, 'b')->code($t->otp($user)->next_code)->stage, 'full',
       "$user, under the new key, signs in");
}


# Put back: all is as before.

keys_are(k2 => $new, k1 => $old);
through($session{carol}->get('/x'), 'put back: the session of before is good');
is(half('carol', 'a')->code($codes{carol}[1])->stage, 'full',
   'put back: the backup code that was refused works');
is(half('carol', 'b')->code($t->otp('carol')->next_code)->stage, 'full', 'and a code');
is(secret_key('carol'), 'k2', 'sealed under the first key now');


# Another key under the same id opens nothing.

keys_are(k2 => random_bytes(32));
$A->mark;
$c = $t->client;
isnt($c->login('erin')->stage, 'full', 'another key of that id: not in by password');
is_error($c->code($t->otp('erin')->next_code), 503, 'unavailable', 'but unavailable');
like($A->since, qr/default:erin.*cannot be opened/, 'the log says so');
is_error($session{alice}->get_json('/x'), 401, 'login_required',
         'sessions of the key before are forged ones');

$t->finish;

done_testing;
