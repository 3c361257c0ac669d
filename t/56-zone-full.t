# A zone that is full: nobody who was revoked goes through, everybody signs in
# again, and the log says why.  And how much fits.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)],
                        http => 'totp_zone totp:256k;');
my $redis = $t->redis;
my $node = $t->node;


# Sessions of strangers that end, by the documented stream.

sub revoke {
    my ($n) = @_;

    $redis->cmd('XADD', 'totp:revoked', '*', 'sid', random_hex(16),
                'until', int(now()) + 3600) for 1 .. $n;

    return;
}

sub full { return $node->error_log =~ /totp_zone "totp" is full/ }


my $alice = $t->client->ready('alice');
my $bob = $t->client->ready('bob');
my $thief = $bob->clone;
$bob->act('logout');
ok(wait_until(sub { $thief->get_json('/x')->status == 401 }, 5),
   'bob has signed out');

# 128 bytes each, and a tenth for the zone's own

revoke(int(0.9 * 256 * 1024 / 129));
my $marker = $t->client->ready('bob');
my $marked = $marker->clone;
$marker->act('logout');
ok(wait_until(sub { $marked->get_json('/x')->status == 401 }, 10),
   'the feed has been read so far');
ok(!full(), 'at 128 bytes a revocation there is still room');
through($alice->get('/x'), 'alice goes through');

revoke(600);
ok(wait_until(\&full, 10), 'now it is full, and the log says so');
like($node->error_log, qr/every session issued so far has ended; give it more/,
     'with what it means, and the remedy');
ok(wait_until(sub { $alice->get_json('/x')->error eq 'login_required' }, 5),
   'all that was issued so far has ended');
is_error($_->get_json('/x'), 401, 'login_required', 'who was revoked stays so')
    for $thief, $marked;

# nobody is locked out: what is issued from now on is good

my $again;
ok(wait_until(sub {
    # (within the second of the last revocation a session ends as it begins)
    $again = eval { $t->client->ready('alice') };
    return $again && $again->get('/x')->status == 200;
}, 20, 1.1), 'a new session goes through');

my $copy = $again->clone;
$again->act('logout');
ok(wait_until(sub { $copy->get_json('/x')->status == 401 }, 5),
   'a sign-out counts in a full zone, too');
is_error($_->get_json('/x'), 401, 'login_required', 'and stays')
    for $copy, $thief, $marked;

# Hundreds did not fit: all that is there is looked at, and a line is written,
# once a second by the clock of Redis.  (The log's second begins elsewhere.)

my %lines;
$lines{$_}++ for $node->error_log =~ m{^(\S+ \S+) .*totp_zone "totp" is full}mg;
my ($most) = sort { $b <=> $a } values %lines;
cmp_ok($most, '<=', 2, 'the log has a line of it a second');

$t->finish;
done_testing;
