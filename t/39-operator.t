# What the README tells an operator to paste, pasted: run by a shell as it is,
# but for the socket, the user and the address.

use Totp::Test;

my $t = Totp::Test->new(
    users => ['alice', 'bob', 'carol', 'dave', 'alice@example.com', "o'b \"\$x\" *"],
    nodes => 2, http => 'totp_attempts 3 5m;', servers => <<'END');
    server {
        listen         127.0.0.1:%PORT_many%;
        server_name    localhost;
        totp           on;
        totp_attempts  100 5m;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
my $redis = $t->redis;
tool('redis-cli');

# The code below a heading of the README, without its indentation.

sub chapter {
    my ($heading) = @_;

    my ($text) = slurp('README.md') =~ /^### \Q$heading\E\n(.*?)(?=^##)/ms
        or die "the README has no \"$heading\"";
    my @code = $text =~ /^```sh\n(.*?)^```$/msg;
    push @code, $1 while $text =~ /^ {7}(\S.*)$/mg;
    die "no code below \"$heading\"" unless @code;

    return map { split /\n/ } @code;
}

sub run {
    my ($line, %o) = @_;

    $line =~ s{/run/redis/redis\.sock}{$redis->{socket}}g
        or die "no socket in: $line";
    if (defined $o{user}) {
        $line =~ s/\AU=default:alice;/U=$o{user};/
            or die "no user in: $line";
    }
    $line =~ s/192\.0\.2\.7/$o{ip}/ or die "no address in: $line" if $o{ip};
    my $file = spew("$t->{dir}/line.sh", "$line\n");
    my $out = `sh $file 2>&1`;
    chomp $out;
    return $out;
}

sub half {
    my ($user, @where) = @_;
    return $t->client(@where)->half($user);
}

sub record { my ($name) = @_;
    return @{ $redis->cmd('HKEYS', "totp:user:{default:$name}") } }


# Reset.

my @reset = chapter('Reset a user who has lost phone and codes');
is(scalar @reset, 1, 'reset: one line');

my @names = (['alice', 'alice'], ['alice@example.com', 'alice%40example.com']);
for (@names) {
    my ($user, $typed) = @$_;
    my $c = $t->client(node => 'a')->ready($user);
    my @codes = @{ $c->{enrolled}{codes} };
    my $there = $t->client(node => 'b');
    is($there->sign_in($user)->stage, 'full', "$user: signed in on b");
    my $half = half($user, node => 'b');
    my $phone = $t->otp($user);
    $half->code('0000-0000-0000-0000') for 1 .. 3;
    is_error($half->code($phone->next_code), 429, 'locked', "$user: and locked");
    my $epoch = $redis->cmd('HGET', "totp:user:{default:$typed}", 'epoch');

    my $out = run($reset[0], user => "default:$typed");
    is($out, 'reset, epoch ' . ($epoch + 1), "$user: the answer");
    is(join(' ', record($typed)), 'epoch', "$user: all but the epoch is gone");

    for ([a => $c], [b => $there], [b => $c->clone(port => $t->node('b')->port)],
         [a => $there->clone(port => $t->node('a')->port)])
    {
        my ($node, $s) = @$_;
        ok(wait_until(sub { $s->get('/x')->status == 401 }, 10),
           "$user: signed out on $node");
        is_error($s->page('settings'), 401, 'login_required',
                 "$user: in the portal, too, on $node");
    }
    is_error($half->code($phone->next_code), 401, 'login_required',
             "$user: the session that owed a code is over");

    my $new = $t->client(node => 'b');
    is($new->login($user)->stage, 'full', "$user: no code is asked for any more");
    is_error($new->get_json('/x'), 401, 'setup_required', "$user: a set-up is");
    my $e = $new->enroll($user);
    is($e->{confirm}->status, 200, "$user: sets it up again");
    isnt($e->{secret}, $phone->{secret}, "$user: with another key");
    through($new->get('/x'), "$user: in");
    is(half($user)->code($t->otp($user)->next_code)->stage, 'full',
       "$user: the new phone signs in");
    is_error(half($user)->code($codes[0]), 401, 'bad_code',
             "$user: an old backup code does not");
    refused($c->get('/x'), "$user: old sessions stay out");
}

my $before = $redis->dump;
for my $nobody (qw(default:alise default:carol other:alice)) {
    is(run($reset[0], user => $nobody), 'nothing to reset', "$nobody: nothing to reset");
}
is($redis->dump, $before, 'which writes nothing');
through($t->client->ready('alice')->get('/x'), 'nor resets anybody else');


# Unlock, at the code.

my @unlock = chapter('Unlock a user');
is(scalar @unlock, 3, 'unlock: three lines');
$t->client->ready('bob');
for my $how ('locked', 'a hundred in a row') {
    my $c = half('bob', port => 'many');
    if ($how eq 'locked') {
        $c = half('bob');
        $c->code('0000-0000-0000-0000') for 1 .. 3;
    } else {
        $c->code('0000-0000-0000-0000') for 1 .. 100;
    }
    my $otp = $t->otp('bob');
    my $step = $otp->next_step;
    my $code = $otp->code_at_step($step);
    my $r = $c->code($code);
    is_error($r, 429, 'locked', "unlock: $how");
    is(defined $r->header('Retry-After') ? 1 : 0, $how eq 'locked' ? 1 : 0,
       "unlock: $how, Retry-After");
    like(run($unlock[0], user => 'default:bob'), qr/^\d+$/, "unlock: $how, the line");
    is(join(' ', grep { /^(?:fails.*|locks|locked_until|row)$/ } record('bob')), '',
       "unlock: $how, nothing is left of the lock");
    is($c->code($code)->stage, 'full', "unlock: $how, the code of before is good");
}


# Unlock, at the password.

{
    my ($here, $there) = (fresh_ip(), fresh_ip());
    for my $ip ($here, $there) {
        $t->client(ip => $ip)->login('bob', 'wrong-word') for 1 .. 3;
        is_error($t->client(ip => $ip)->login('bob'), 429, 'locked',
                 "password: locked at $ip");
    }
    $t->client(ip => $here)->login('carol', 'wrong-word') for 1 .. 3;
    $redis->cmd('SET', 'totp:tries:{default:bob}', 100, 'EX', 3600);
    is_error($t->client(ip => fresh_ip())->login('bob'), 429, 'locked',
             'password: and at all others');
    cmp_ok(run($unlock[1], user => 'default:bob'), '>=', 3, 'password: the line');
    is(scalar(grep { /tries:\{default:bob\}/ } $redis->keys), 0,
       'password: none of his counters is left');
    for my $ip ($here, $there, fresh_ip()) {
        is($t->client(ip => $ip)->login('bob')->stage, 'password',
           "password: unlocked at $ip");
    }
    is_error($t->client(ip => $here)->login('carol'), 429, 'locked',
             'password: but not another user');

    my $ip = fresh_ip();
    $redis->cmd('SET', "totp:tries-address:$ip", 60, 'EX', 300);
    is_error($t->client(ip => $ip)->login('bob'), 429, 'locked', 'address: locked');
    is(run($unlock[2], ip => $ip), 1, 'address: the line');
    is($t->client(ip => $ip)->login('bob')->stage, 'password', 'address: unlocked');
}


# Look at a user.

my @look = chapter('Look at a user');
is(scalar @look, 2, 'look: two lines');
my $seen = run($look[0]);
like($seen, qr/^epoch$/m, 'look: the epoch');
like($seen, qr/^secret\nk1\./m, 'look: the secret, sealed');
is($t->leaks($seen), 0, 'look: nothing that should not be seen')
    or diag $t->leaks($seen);
like(run($look[1]), qr/^signed_in\t\d+\t127\.0\.0\.1$/m, 'look: the events');


# Count what is under a key.

my @count = chapter('Change the keys');
is(scalar @count, 1, 'keys: one line');
my $odd = $t->client;
is($odd->login("o'b \"\$x\" *")->stage, 'full', 'a user with an odd name');
$odd->act('logout', { everywhere => 1 });      # a record without a second factor
$t->client->ready('dave');

sub counted { return join ', ', map { s/\A\s+//r } split /\n/, run($count[0]) }

my ($backups) = scalar grep { /^backup:/ }
    map { record($_) } qw(alice alice%40example.com bob dave);
is($backups, 20, 'keys: backup codes of four users');
is(counted(), '20 backup:k1, 4 secret:k1', 'keys: all under the one key');

my ($old) = slurp("$t->{dir}/totp.keys") =~ /\Ak1:(\S+)/;
spew("$t->{dir}/totp.keys", 'k2:' . b64(random_bytes(32)) . "\nk1:$old\n", 0600);
ok($t->node($_)->reload, "reload of $_") for qw(a b);
is(half('bob')->code($t->otp('bob')->next_code)->stage, 'full', 'bob signs in');
is(counted(), '20 backup:k1, 3 secret:k1, 1 secret:k2', 'keys: his secret is anew');
my $dave = $t->client->ready('dave');
is($dave->act('backup-codes', {})->status, 200, 'dave renews his codes');
is(counted(), '15 backup:k1, 5 backup:k2, 2 secret:k1, 2 secret:k2',
   'keys: his codes are anew');

$t->finish;

done_testing;
