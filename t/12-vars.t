# The variables: what they say at each stage, where the gate is on and off,
# with forged cookies; and that they cost no Redis call.

use Totp::Test;

my $vars = 'user=[$totp_user] stage=[$totp_stage] method=[$totp_method] '
         . 'time=[$totp_time] session=[$totp_session] error=[$totp_error]';

my $t = Totp::Test->new(users => [qw(alice bob)],
    http => "log_format vars '\$request_uri $vars';",
    server => <<"END");
        totp on;
        access_log %PREFIX%/vars.log vars;
        add_header X-Vars "$vars" always;

        location / { proxy_pass http://%APP%;
                     proxy_set_header X-Forwarded-User \$totp_user; }
        location /opt { totp optional; proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
        location /off { totp off; proxy_pass http://%APP%; }
        location /any { satisfy any; allow 127.0.0.1; deny all;
                        proxy_pass http://%APP%; }
END

my $n = 0;

# The variables of a request, from its line in the log.

sub vars {
    my ($c, $path, @headers) = @_;

    my $tag = 'n' . ++$n;
    my $r = $c->get("$path?$tag", @headers);
    my $log;
    wait_until(sub { $log = slurp($t->node->{prefix} . '/vars.log');
                     $log =~ /\?$tag / });
    my ($line) = $log =~ /^\S+\?$tag (.*)$/m;
    my %v = defined $line ? $line =~ /(\w+)=\[(.*?)\]/g : ();
    for (values %v) { $_ = '' if $_ eq '-' }

    return { %v, response => $r };
}

my $nobody = $t->client;
my $half;
my $alice = $t->client->ready('alice');
my $since = now();
($half = $t->client)->login('alice');
my $bob = $t->client;
$bob->login('bob');

my $v = vars($nobody, '/a');
is($v->{user}, '', 'nobody: no user');
is($v->{stage}, 'none', 'nobody: stage none');
is($v->{error}, 'login_required', 'nobody: the machine word');
$v = vars($nobody, '/off');
is($v->{user}, '', 'nobody, gate off: no user');
is($v->{stage}, 'none', 'nobody, gate off: stage');
is($v->{error}, '', 'nobody, gate off: no error');

$v = vars($half, '/a');
is($v->{user}, '', 'password: no user');
is($v->{stage}, 'password', 'password: stage');
is($v->{error}, 'code_required', 'password: the machine word');
$v = vars($half, '/off');
is($v->{user}, '', 'password, gate off: no user yet');
is($v->{stage}, 'password', 'password, gate off: stage');

$v = vars($alice, '/a');
is($v->{user}, 'alice', 'full: the user');
is($v->{stage}, 'full', 'full: stage');
is($v->{method}, 'totp', 'full: method');
like($v->{time}, qr/^\d+$/, 'full: the time of the second factor');
cmp_ok(abs($v->{time} - $since), '<', 60, 'full: which was just now');
like($v->{session}, qr/^[\w.-]{4,40}$/, 'full: a short id');
is($v->{error}, '', 'full: no error');
unlike($alice->cookie, qr/\Q$v->{session}/, 'full: the id is not the cookie')
    if length $v->{session} > 8;
is(vars($alice, '/b')->{session}, $v->{session}, 'the id stays the same');
my %h = map { (lc $_->[0] => $_->[1]) }
        @{ $v->{response}->json->{headers} };
is($h{'x-forwarded-user'}, 'alice', 'the application is told the user');
$v = vars($alice, '/off');
is($v->{user}, 'alice', "where the gate is off: a full session's user");
is($v->{stage}, 'full', 'and its stage');

$v = vars($bob, '/a');
is($v->{user}, '', 'full without second factor, refused: no user');
is($v->{stage}, 'full', 'full without second factor: stage');
is($v->{method}, 'none', 'full without second factor: method');
is($v->{error}, 'setup_required', 'full without second factor: the word');
$v = vars($bob, '/opt');
is($v->{user}, 'bob', 'full without second factor, let through: the user');
$v = vars($bob, '/off');
is($v->{user}, 'bob', 'full without second factor, gate off: the user');

my $other = $t->client;
$other->login('alice');
my $b = $other->code($alice->{enrolled}{codes}[0]);
is($b->stage, 'full', 'signed in with a backup code');
is(vars($other, '/a')->{method}, 'backup', 'method backup');
isnt(vars($other, '/a')->{session}, vars($alice, '/a')->{session},
     'another session has another id');


# Forged cookies never name anybody.

my $good = $alice->cookie;
my $forged = $t->client;
for my $value ('x', substr($good, 0, -1), $good . 'A',
               substr($good, 0, 20) . ('A' x (length($good) - 20)),
               reverse($good) . '')
{
    $forged->{jar}{totp} = $value;
    for my $path (qw(/a /off)) {
        $v = vars($forged, $path);
        is("$v->{user}|$v->{stage}", '|none',
           "[attack 83] $path: a forged cookie");
    }
}

$v = vars($nobody, '/any');
is($v->{user}, '', 'satisfy any by address: no user');
is($v->{response}->status, 200, 'and through');

$v = vars($nobody, '/a', 'X-Forwarded-User' => 'admin');
is($v->{user}, '', '[attack 85] a header of the client names nobody');
$t->app->reset;
$alice->get('/h', 'X-Forwarded-User' => 'admin', 'x-forwarded-user' => 'root');
my ($q) = $t->app->requests;
is(join(',', $q->{head} =~ /^x-forwarded-user: (.*?)\r$/gmi), 'alice',
   'the application sees one user, the right one');


# The gate and its variables cost no Redis call: whoever is asked about is
# asked by a script, while feed and heartbeat go on for as long as this takes.

sub scripts { return $t->redis->count('evalsha') + $t->redis->count('eval') }

cmp_ok(scripts(), '>', 0, 'a sign-in costs scripts');

my $before = $t->redis->commands;
Totp::Client->fire([ map { [$alice, $alice->build('GET', "/cost$_")] }
                     1 .. 100 ]);
Totp::Client->fire([ map { [$nobody, $nobody->build('GET', "/off$_")] }
                     1 .. 50 ]);
is($t->redis->commands - $before, 0,
   '[attack 83] 150 requests cost no Redis calls');

my $conn = $nobody->connect;
$conn->send("GET /bad HTTP/1.1\r\nHost: a/b\r\n\r\n");
is($conn->response->status, 400, '[attack 83] a bad request');
$conn->send('x');
$conn->close;
$conn = $nobody->connect;
$conn->send("\x16\x03\x01\r\n\r\n");
is($conn->response->status, 400, 'a request line that is none');
$conn->close;
is($alice->get('/a')->status, 200, 'the variables in its log line did no harm');

$t->finish;

done_testing;
