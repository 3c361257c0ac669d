# The examples that people copy: each conf/examples/*.conf, and each of
# conf/applications/, passes nginx -t, and the user of conf/redis-acl.conf may do
# what the module does, and no more.

use Totp::Test;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(basename dirname);
use File::Temp ();
use POSIX ();

my $top = abs_path(dirname(__FILE__) . '/..');
my $secret = secret_add(password => 'redis-pw-' . random_hex(16));


# The ACL as an operator would use it: the hash filled in, included by Redis.

my $acl = slurp("$top/conf/redis-acl.conf");
my $hash = sha256_hex($secret);
is($acl =~ s/#SHA256/#$hash/g, 1, 'the ACL has one place for the password');

my $scratch = File::Temp->newdir;
spew("$scratch/redis-acl.conf", $acl);

my $t = Totp::Test->new(
    users => ['alice'], nodes => 0,
    redis => { args => ['--include', "$scratch/redis-acl.conf"] },
    defaults => {
        redis => 'totp_redis unix:%DIR%/redis/redis.sock user=totp '
                 . 'password_file=%DIR%/redis.pw;',
    });
my $dir = $t->dir;
my $redis = $t->redis;


# The examples, with the paths of this test and a free port for each address.

my %warning = (
    'behind-realip.conf' => qr/secure|TLS|ssl/i,
);

my @openssl = (tool('openssl'), qw(req -x509 -newkey ec -pkeyopt
    ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.com -batch),
    '-keyout', "$dir/tls.key", '-out', "$dir/tls.crt");
is(system('sh', '-c', 'exec "$@" 2> /dev/null', 'sh', @openssl), 0,
   'a certificate');

spew("$dir/redis.password", "$secret\n", 0600);
spew("$dir/redis.pw", "$secret\n", 0600);
spew("$dir/$_.htpasswd", slurp("$dir/htpasswd"), 0640) for qw(staff customers);

is(system('cp', '-r', "$top/conf/theme", "$dir/theme"), 0, 'the theme');
spew("$dir/fastcgi_params", "fastcgi_param REQUEST_METHOD \$request_method;\n");

my @examples = glob "$top/conf/examples/*.conf";
cmp_ok(scalar @examples, '>=', 5, 'there are examples');

my @applications = glob "$top/conf/applications/*.conf";
cmp_ok(scalar @applications, '>=', 4, 'and some for applications');

for my $path (@examples, @applications) {
    my $name = basename($path);
    my ($rc, $out) = check(slurp($path));

    is($rc, 0, "$name passes nginx -t") or diag $out;

    my @warnings = grep { /\[(?:warn|error|crit|alert|emerg)\]/ } split /\n/, $out;
    my @other = grep { !$warning{$name} || !/$warning{$name}/ } @warnings;
    is_deeply(\@other, [], "$name gives no warning that it does not speak of");
    is(scalar @warnings, 1, "$name gives the warning that it speaks of")
        if $warning{$name};
}


# A check that cannot fail would show nothing.

my ($rc, $out) = check(slurp("$top/conf/examples/minimal.conf")
                       =~ s/totp_portal;/totp_portal nonsense;/r);
isnt($rc, 0, 'a wrong example is refused');
like($out, qr/totp_portal/, 'and the message names the directive');


sub check {
    my ($text) = @_;

    my $module = Totp::Nginx::module();
    my %port;

    $text =~ s{^load_module\s+\S+;}{load_module $module;}m;
    $text =~ s{^user\s+\S+;}{}m if $> != 0;
    $text =~ s{/etc/nginx/}{$dir/}g;
    $text =~ s{/var/log/nginx/}{$dir/}g;
    $text =~ s{\blisten(\s+)(?:[0-9.]+:)?([0-9]+)}
              {"listen${1}127.0.0.1:" . ($port{$2} ||= free_port())}ge;

    my $paths = join '', "    access_log off;\n",
                map { "    ${_}_temp_path $dir/tmp-$_;\n" }
                qw(client_body proxy fastcgi uwsgi scgi);
    $text =~ s/^(http \{\n)/$1$paths/m;
    spew("$dir/example.conf", $text);

    my $pid = open my $fh, '-|';
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        { exec Totp::Nginx::binary(), '-t', '-p', $dir, '-e', 'stderr',
               '-c', "$dir/example.conf",
               '-g', "pid $dir/example.pid; error_log stderr;" }
        POSIX::_exit(127);
    }

    local $/;
    my $said = <$fh>;
    close $fh;

    return ($? >> 8, defined $said ? $said : '');
}


# Redis' own word on what the user may do.

sub may {
    my (@command) = @_;

    return $redis->cmd('ACL', 'DRYRUN', 'totp', @command);
}

is(may('GET', 'totp:x'), 'OK', '[attack 99] the user may read our keys');
like(may('GET', 'other'), qr/no permissions/, 'and no others');
like(may(@$_), qr/no permissions/, "it may not $_->[0]")
    for [qw(FLUSHALL)], [qw(KEYS *)], [qw(CONFIG GET *)], [qw(CONFIG SET dir /)],
        [qw(SCAN 0)], [qw(ACL LIST)], [qw(SHUTDOWN)], [qw(MONITOR)],
        [qw(DUMP totp:x)], [qw(CLIENT LIST)], [qw(SUBSCRIBE c)];

my %called;

for my $lua (glob "$top/ngx_http_totp_module/store/lua/*.lua") {
    $called{lc $_}++ for slurp($lua) =~ /redis\.p?call\(\s*['"](\w+)['"]/g;
}

cmp_ok(scalar keys %called, '>', 10, 'the scripts call commands');

my ($rule) = $acl =~ /^(user totp .*)$/m;
my @lacking = grep { $rule !~ / \+\Q$_\E(?: |\z)/ } sort keys %called;
is_deeply(\@lacking, [], 'the user may do all that the scripts call');


# The journeys as this user: nothing is refused but CONFIG GET, as the file says.

my $node = $t->add_node('a');
$node->start;

my $alice = $t->client->ready('alice');
through($alice->get('/x'), 'signs in and enables');
is($alice->page('settings')->status, 200, 'settings');
is($alice->act('backup-codes', {})->status, 200, 'new backup codes');
my $codes = $alice->page('backup-codes')->json->{codes};
is($alice->act('backup-codes', { more => 1 })->status, 200, 'more time');

my $other = $t->client;
$other->login('alice');
is_error($other->code('000000'), 401, 'bad_code', 'a wrong code');
is($other->code($codes->[0])->stage, 'full', 'a backup code');
is_error($t->client->login('alice', 'wrong-password-x'), 401, 'bad_credentials',
         'a wrong password');
is($alice->act('disable', {})->status, 200, 'disable');
is($alice->act('logout', { everywhere => 1 })->status, 200, 'sign out everywhere');
ok(wait_until(sub { $other->get_json('/x')->status == 401 }, 5),
   'the other session has ended');

my @refused = grep { !/config/ } map { $_->{object} } acl_log();
is_deeply(\@refused, [], 'Redis refused nothing');


sub acl_log {
    my $entries = $redis->cmd('ACL', 'LOG');

    return map { my %e = map { ref $_ ? '' : $_ } @$_; \%e } @$entries;
}

$t->finish;

done_testing;
