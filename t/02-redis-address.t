# totp_redis: TCP and Unix sockets, a database, a user with a password file,
# a prefix.

use Totp::Test;

my $secret = 'redis-pw-' . random_hex(8);
secret_add(password => $secret);

my $t = Totp::Test->new(
    users => ['alice'], nodes => 0, redis => { tcp => 1 });
my $redis = $t->redis;

spew("$t->{dir}/redis.pw", "$secret\n", 0600);
$redis->cmd('ACL', 'SETUSER', 'totp', 'on', ">$secret", '~*', '&*', '+@all');

my %address = (
    tcp    => "totp_redis 127.0.0.1:$redis->{port};",
    db     => 'totp_redis unix:%DIR%/redis/redis.sock db=3;',
    prefix => 'totp_redis unix:%DIR%/redis/redis.sock prefix=gate7:;',
    user   => "totp_redis 127.0.0.1:$redis->{port} user=totp password_file=%DIR%/redis.pw;",
);

for my $name (qw(tcp db prefix user)) {
    $redis->cmd('FLUSHALL');
    delete $t->{otps}{alice};

    my $node = $t->add_node($name, defaults => { redis => $address{$name} });
    $node->start;

    my $c = $t->client(node => $name)->ready('alice');
    through($c->get('/x'), "$name: works");

    my $dump = $redis->dump;
    unlike($dump, qr/^db[0-24-9] /m, '[attack 99] db: nothing outside database 3')
        if $name eq 'db';
    like($dump, qr/^db3 /m, 'db: it is in database 3') if $name eq 'db';
    unlike($dump, qr/^db0 \w+ (?!gate7:)/m, '[attack 99] prefix: every key has it')
        if $name eq 'prefix';
    like($dump, qr/^db0 \w+ totp:/m, 'tcp: the prefix is totp:')
        if $name eq 'tcp';
    like(join("\n", $redis->clients), qr/user=totp\b/, 'user: is signed in')
        if $name eq 'user';

    ok($node->quit, "$name: leaves");
}


# A wrong password for Redis is an outage, not an open door.

spew("$t->{dir}/redis.pw", "wrong-$secret\n", 0600);
my $node = $t->add_node('wrong', defaults => { redis => $address{user} });
$node->start;
my $c = $t->client(node => 'wrong');
is_error($c->login('alice'), 503, 'unavailable', 'wrong password for Redis');
like($node->error_log, qr/WRONGPASS|password/i, 'the log tells the operator');
is($t->leaks($node->error_log), 0, 'but not the password');

$t->finish;

done_testing;
