# A cookie that a worker has verified before is not verified again; all else
# that can end a session counts all the same.

use Totp::Test;

my $key = random_bytes(32);
my $idle = seconds(4);
my $t = Totp::Test->new(users => [qw(alice bob carol dave)], start => 0,
    server => Totp::Test->default_server . <<"END");
        location /short/ {
            totp_session_timeout  ${idle}s;
            proxy_pass            http://%APP%;
        }
END

$t->keyring(k1 => $key, k2 => random_bytes(32));
my $node = $t->node->start;


# Requests until both workers must know the cookie.

sub warm {
    my ($client, $path) = @_;

    my $raw = $client->build('GET', $path || '/x', keep => 0);
    my @r = Totp::Client->fire([ map { [$client, $raw] } 1 .. 40 ]);
    my %got;
    $got{ $_->status }++ for @r;

    return \%got;
}

sub ends {
    my ($client, $word, $name, $path) = @_;

    ok(wait_until(sub { (warm($client, $path)->{401} || 0) == 40 }, 10, 0.1),
       "$name: at every worker");
    is_error($client->get_json($path || '/x'), 401, $word, $name);

    return;
}

my %c = map { ($_ => $t->client->ready($_)) } qw(alice bob carol dave);

for (qw(alice bob carol dave)) {
    is_deeply(warm($c{$_}), { 200 => 40 }, "$_ goes through");
}

my $thief = $c{alice}->clone;
$c{alice}->act('logout');
ends($thief, 'login_required', 'signed out');
is_deeply(warm($c{$_}), { 200 => 40 }, "$_ still goes through") for qw(bob carol);

my $other = $t->client->ready('bob');
is_deeply(warm($other), { 200 => 40 }, 'a second session of bob');
$c{bob}->act('logout', { everywhere => 1 });
ends($other, 'login_required', 'signed out everywhere');
is_deeply(warm($c{carol}), { 200 => 40 }, 'carol still goes through');

$t->htpasswd(carol => undef);
ends($c{carol}, 'expired', 'a user who is gone');

$c{dave} = $t->client->ready('dave');
is_deeply(warm($c{dave}, '/short/x'), { 200 => 40 }, 'within the idle time');
my $old = $c{dave}->clone;
ends($old, 'expired', 'past the idle time', '/short/x');
is_deeply(warm($old), { 200 => 40 }, 'and elsewhere within it');

my $like = $old->cookie;
substr $like, 20, 1, substr($like, 20, 1) eq 'A' ? 'B' : 'A';
is_deeply(warm($old->clone(jar => { totp => $like })), { 401 => 40 },
          'one character differs from a cookie that is known');

$t->keyring(k2 => random_bytes(32));
ok($node->reload, 'its key is taken away');
is_deeply(warm($old), { 401 => 40 }, 'a key that is gone');
$t->keyring(k1 => $key);
ok($node->reload, 'and put back');
is_deeply(warm($old), { 200 => 40 }, 'holds again');

$t->finish;
done_testing;
