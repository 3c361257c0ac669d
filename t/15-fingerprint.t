# What a cookie says of its password entry: nothing that a thief could try
# passwords on, and the right thing under each key of the ring.

use Totp::Test;

use Digest::SHA qw(sha256 hmac_sha256);
use MIME::Base64 ();

my $idle = seconds(12);
my ($one, $two) = (random_bytes(32), random_bytes(32));
my $t = Totp::Test->new(users => [qw(alice bob)], start => 0,
                        http => "totp_session_timeout ${idle}s;");

$t->keyring(k1 => $one);
my $node = $t->node->start;


# The key's id and the fingerprint of a cookie, by the documented layout.

sub parts {
    my ($cookie) = @_;

    (my $text = $cookie) =~ tr{-_}{+/};
    my ($version, $id, $rest) =
        unpack 'C C/a a*', MIME::Base64::decode_base64($text . '==');
    is($version, 1, 'the version that this test knows');

    return ($id, substr $rest, 1 + 1 + 16 + 5 * 8, 8);
}

sub entry_key {
    my ($key) = @_;

    return hmac_sha256("totp entry\1", hmac_sha256($key, "\0" x 32));
}

sub entry { my ($user) = @_; return '{PLAIN}' . $t->password($user) }

sub expected {
    my ($key, $user) = @_;

    return substr hmac_sha256(pack('Q>', length $user) . $user . entry($user),
                              entry_key($key)), 0, 8;
}

sub is_fp {
    my ($got, $want, $name) = @_;

    return is(unpack('H*', $got), unpack('H*', $want), $name);
}


my $alice = $t->client->ready('alice');
my $first = $alice->cookie;
my ($id, $fp) = parts($first);

is($id, 'k1', 'signed by the only key');
is_fp($fp, expected($one, 'alice'), 'the fingerprint is an HMAC under it');

my ($name, $hash) = ('alice', entry('alice'));
my %bare = (
    'length of 4 bytes' => pack('N', length $name) . $name . $hash,
    'length of 8 bytes' => pack('Q>', length $name) . $name . $hash,
    'name and hash'     => $name . $hash,
    'a line'            => "$name:$hash",
    'the hash'          => $hash,
    'the password'      => $t->password('alice'),
);
is(scalar(grep { index(sha256($bare{$_}), $fp) >= 0 } keys %bare), 0,
   'and no bare hash of what a thief could guess');

my (undef, $fp_bob) = parts($t->client->ready('bob')->cookie);
is_fp($fp_bob, expected($one, 'bob'), 'the same of another user');


# Another key comes in front: the old cookie holds, and is renewed under it.

$t->keyring(k2 => $two, k1 => $one);
ok($node->reload, 'a new key in front');
$alice->ready('alice');
my ($id2, $fp2) = parts($alice->cookie);
is($id2, 'k2', 'a new session is signed by it');
is_fp($fp2, expected($two, 'alice'), 'with a fingerprint under it');

my $bob = $t->client->ready('bob');
$t->keyring(k1 => $one, k2 => $two);
ok($node->reload, 'the old one in front again');
my $before = $bob->cookie;
through($bob->get('/x'), 'a session of the other key holds');

ok(wait_until(sub {
    $bob->get('/x');
    return $bob->cookie ne $before;
}, 6, 0.3), 'and is renewed');

my ($id3, $fp3) = parts($bob->cookie);
is($id3, 'k1', 'by the first key');
is_fp($fp3, expected($one, 'bob'), 'with a fingerprint under that one');
through($bob->get('/x'), 'and holds');

$t->keyring(k1 => $one);
ok($node->reload, 'the other key is taken away');
through($bob->get('/x'), 'the renewed session holds');
is_error($bob->clone(jar => { totp => $before })->get_json('/x'), 401,
         'login_required', 'the cookie of before does not');

$t->set_password('bob', 'another-' . random_hex(8));
$t->htpasswd(bob => entry('bob'));
ok(wait_until(sub {
    $bob->get_json('/x')->error eq 'expired';
}, 4, 0.2), 'a changed password ends it');

$t->finish;
done_testing;
