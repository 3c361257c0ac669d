# What a visitor types cannot write lines of a log, nor end up there unescaped
# by us: names, addresses, headers, and what Redis says of them.

use Totp::Test;

my %odd = (
    "\xc3\xa9\xe2\x80\xae\xe2\x80\xa8mile" => 'turned and separated',
    '"q" \\ \'x\'' => 'quotes', '%s%n%x%V' => 'a format', 'x' x 255 => 'long',
    "\xf0\x9f\x94\x91" x 63 => 'long, of four bytes each',
    '<b>[alert] 1#1 *1</b>' => 'like a line', '$totp_user${x}' => 'variables',
);

my $t = Totp::Test->new(
    users => { alice => 'pw-' . random_hex(8),
               map { ($_ => 'pw-' . random_hex(8)) } keys %odd },
    http => "log_format user '\$remote_addr [\$totp_user] \"\$request_uri\" "
          . "[\$totp_error] [\$totp_session] end';",
    server => "access_log %PREFIX%/user.log user;\n"
              . Totp::Test->default_server);
my $node = $t->node;
my $redis = $t->redis;
my $lines;

# Every line of the error log begins as nginx begins one, and those about ours
# hold no byte that is not printable.

sub clean {
    my ($name, $like) = @_;

    my @new = split /\n/, $node->since;
    is(scalar(grep { !m{\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: } }
              @new), 0, "[attack 87] $name: every line is one of nginx' own")
        or diag join "\n", @new;
    my @ours = map { /(totp: .*?)(?:, client: |\z)/ } @new;
    is(scalar(grep { /[^ -~]/ } @ours), 0, "[attack 87] $name: and printable");
    ok(scalar(grep { /$like/ } @ours), "[attack 87] $name: what happened is said")
        or diag join "\n", @new if defined $like;
    is(scalar(grep { length > 2048 } @new), 0, "[attack 87] $name: and cut");
    $node->mark;
}


# Names that do not exist, and are none.

$node->mark;
for my $name ("bob\n127.0.0.1 login ok", "bob\r\n2026/01/01 00:00:00 [alert] 1#1: x",
              "\e[2J\e]0;owned\a", "a\0b", "\x9b31m", "\xc2\x9b31m", "\x7f",
              'x' x 3000, "\xc3\xa9" x 1200, keys %odd)
{
    my $c = $t->client(ip => fresh_ip());
    my $r = $c->login($name, 'wrong-word');
    ok($r->status == 401 || $r->status == 400, 'a name is refused: ' . $r->status);
    $c->code($name);
}
clean('names');


# Where a record cannot be used the log names the user.

for my $name (sort keys %odd) {
    my $key = 'totp:user:{default:' . uri_escape($name) . '}';
    my $c = $t->client(ip => fresh_ip());
    is($c->login($name)->stage, 'full', "$odd{$name}: signs in");
    $redis->cmd('DEL', $key);
    $redis->cmd('SET', $key, 'x');
    $c = $t->client(ip => fresh_ip());
    nap(1.1);       # a worker says so once a second, whoever is meant
    is_error($c->login($name), 503, 'unavailable', "$odd{$name}: a broken record");
    clean("a broken record, $odd{$name}",
          '"default:' . quotemeta(uri_escape($name)) . '"|WRONGTYPE|failed');
    $redis->cmd('DEL', $key);
}


# Whatever else is sent.

my $alice = $t->client->ready('alice');
$node->mark;
for my $evil ("\e[31mred", "x\ty", "\xff\xfe", '"] "', 'a' x 4000, '%0a%0dx',
              '%1b[2J', "\x80\x81")
{
    my $uri = '/' . $evil =~ s/([^!-~])/sprintf '%%%02X', ord $1/ger;
    for my $c ($t->client, $alice) {
        $c->request('GET', $uri, headers => [Accept => 'text/html']);
        $c->request('GET', "/2fa/login?next=$uri");
        $c->request('GET', '/x', headers => [Accept => $evil, Referer => 'http://x/']);
        $c->request('GET', '/2fa/settings', headers => [Origin => $evil,
                    'Sec-Fetch-Mode' => $evil]);
        $c->request('GET', '/x', headers => [Cookie => "totp=$evil; totp=$evil"]);
        $c->request('GET', '/x', headers => [Cookie => "totp=$evil"]);
        $c->post('/2fa/logout', { csrf => $evil, next => "/$evil" });
        $c->post('/2fa/code', { code => $evil });
    }
}
clean('requests');
wait_until(sub { slurp("$node->{prefix}/user.log") =~ /\n\z/ });
my @log = split /\n/, slurp("$node->{prefix}/user.log");
cmp_ok(scalar @log, '>', 100, 'the access log has lines');
is(scalar(grep { !/\A127\.\S+ \[[!-~]*\] "[ -~]*" \[[a-z_-]+\] \[[\w.-]*\] end\z/ }
          @log), 0, '[attack 87] each of them one line, as it was laid out')
    or diag join "\n", (grep { !/\] end\z/ } @log)[0 .. 3];


# A user with an odd name in the access log: escaped by nginx.

for my $name (sort keys %odd) {
    my $c = $t->client(ip => fresh_ip());
    $c->login($name);
    $c->enroll($name);
    is($c->get('/who')->status, 200, "$odd{$name}: goes through");
}
wait_until(sub { 7 == grep { /"\/who"/ } split /\n/, slurp("$node->{prefix}/user.log") });
my @who = grep { /"\/who"/ } split /\n/, slurp("$node->{prefix}/user.log");
is(scalar(grep { m{\A127\.\S+ \[[ -!\#-~]+\] "/who" \[-\] \[[\w.-]+\] end\z} } @who),
   scalar keys %odd, '[attack 83] [attack 87] odd names in the access log: escaped, one line each')
    or diag join "\n", @who;
clean('users');

my $quiet = join '', map { slurp("/proc/$_/environ") . slurp("/proc/$_/cmdline") }
                     $node->workers, $node->{pid};
cmp_ok(length $quiet, '>', 50, 'an environment can be read');
is($t->leaks($quiet), 0, '[attack 88] and has no secret');

$t->finish;

done_testing;
