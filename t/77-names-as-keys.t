# Names of users as parts of keys in Redis: one name, one user, one slot, and
# nothing that a name can say is taken for more than a name.

use Totp::Test;

my @names = ('{a}b', 'a}b{', 'a b', 'a', 'a}', '{', '{}', '}', '%s%n%b', '*', '?', '[a-z]',
             '../x', '..', '.', 'default', '{default', 'a%3Ab', '%41', 'A', 'n' x 255,
             "\xc3\xa9", "e\xcc\x81", '"]] os.exit() --', "\\r\\nFLUSHALL\\r\\n",
             '\\', "'", '$1', 'nil', '0', '-1', 'a.b', 'a..b', 'a~b', 'a+b', 'a%20b',
             'store', 'revoked', "\xe2\x80\x8ba", "a\xc2\xa0b",
             "\xf0\x9f\x94\x91" x 63, 'default%3Aa', '127.0.0.1');

my $t = Totp::Test->new(users => { map { ($_ => 'pw-' . random_hex(8)) } @names },
    redis => { args => ['--databases', 4] },
    http => "totp_attempts 3 1h;",
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_realm%;
        server_name  localhost;
        totp         on;
        totp_realm   a;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
my $redis = $t->redis;
my (%secret, %client);


# Each signs in and enrols, and is himself.

for my $name (@names) {
    my $what = uri_escape($name);
    my $c = $client{$name} = $t->client(ip => fresh_ip());
    my $r = $c->login($name);
    is($r->stage, 'full', "[attack 98] $what: signs in, and nobody has enabled that name before")
        or diag $r->body;
    my $e = $c->enroll($name);
    is($e->{confirm}->status, 200, "[attack 98] $what: enrols");
    my $user = $c->page('settings')->json->{user};
    utf8::encode($user) if defined $user;
    is($user, $name, "[attack 98] $what: under his name");
    ok(!$secret{ $e->{secret} }++, "[attack 98] $what: with a key of his own");
}

is(scalar(grep { $_ ne '' } $redis->keys('totp:user:*')), scalar @names,
   '[attack 98] as many records as names');


# Every key of a user has one hash tag, his own, and nothing that an operator
# could not type.

my %tags;
for my $key ($redis->keys) {
    next if $key =~ /\Atotp:(?:store|revoked)\z/ || $key =~ /\Atotp:tries-address:[\d.]+\z/;
    like($key, qr/\Atotp:[a-z-]+:\{default:[A-Za-z0-9._~%-]+\}(?::[0-9a-f.]+)?\z/,
         "[attack 98] a key: $key");
    my ($tag) = $key =~ /\{(.*?)\}/;
    $tags{$tag}++;
}
is_deeply([ sort keys %tags ], [ sort map { 'default:' . uri_escape($_) } @names ],
          '[attack 98] the tags are the names, each another');


# A failure of one is no failure of another; a sign-out everywhere, neither.

sub fails {
    return join ' ', map { my $n = uri_escape($_);
        $redis->cmd('HGET', "totp:user:{default:$n}", 'fails') ? $n : () } @names;
}

for my $name ('a', '*', '%41') {
    my $c = $t->client(ip => fresh_ip());
    $c->login($name);
    $c->code($t->otp($name)->wrong_code);
    is(fails(), uri_escape($name), "[attack 98] a wrong code is one of $name alone");
    $redis->cmd('HDEL', 'totp:user:{default:' . uri_escape($name) . '}', 'fails');
    is($client{$name}->act('logout', { everywhere => 1 })->status, 200,
       "[attack 98] $name signs out everywhere");
}
ok(wait_until(sub { $client{a}->get('/x')->status == 401 }, 3), 'which takes effect');
is(join(' ', sort { $b cmp $a } map { uri_escape($_) } grep { $client{$_}->get('/x')->status != 200 } @names),
   'a %2A %2541', '[attack 98] nobody else is signed out');


# Names that are none leave no key.

my @before = $redis->keys;
for my $bad ('', "a\r\nFLUSHALL\r\n", "a\nb", "a\0", "\xff", 'x' x 256,
             "\xc0\xae\xc0\xae/x", "a\x{85}" )
{
    my $c = $t->client(ip => '127.76.0.1');
    my $r = $c->login($bad, 'x');
    ok($r->status == 401 || $r->status == 400, 'a name that is none: ' . $r->status);
}
is_deeply([ grep { !/127\.76\.0\.1\z/ } $redis->keys ], \@before,
          '[attack 98] names that are none leave no key of a user');


# Another realm, another prefix, another database: the same name is another.

my $there = $t->client(port => 'realm', ip => fresh_ip());
is($there->login('a')->stage, 'full', '[attack 99] another realm: nothing is enabled');
is($redis->cmd('HEXISTS', 'totp:user:{a:a}', 'secret'), 0,
   '[attack 99] another realm: nor in its record');

for my $case (['prefix', 'prefix=totp:x:', 'totp:x:'], ['db', 'db=2', 'totp:']) {
    my ($name, $arg, $prefix) = @$case;
    my $revoked = $redis->cmd('XLEN', 'totp:revoked');
    my $mine = join "\n", $redis->keys('totp:user:*');
    $t->add_node($name, defaults => {
        redis => "totp_redis unix:%DIR%/redis/redis.sock $arg;" })->start;
    my $c = $t->client(node => $name, ip => fresh_ip());
    is($c->login('a')->stage, 'full', "[attack 99] another $name: nothing is enabled");
    my $otp = $t->otp('a');
    is($c->enroll('a')->{confirm}->status, 200, "[attack 99] another $name: enrols");
    $t->otp(a => $otp);
    is($c->act('logout', { everywhere => 1 })->status, 200,
       "[attack 99] another $name: signs out everywhere");
    is(join("\n", $redis->keys('totp:user:*')), $mine,
       "[attack 99] another $name: the records of here are as they were");
    is($redis->cmd('XLEN', 'totp:revoked'), $revoked,
       "[attack 99] another $name: nobody is signed out here");
    my $d = $t->client(ip => fresh_ip());
    is($d->login('a')->stage, 'password', "[attack 99] another $name: here it is enabled");
    $redis->cmd('SELECT', 2) if $name eq 'db';
    cmp_ok(scalar(my @k = $redis->keys("${prefix}*")), '>=', 3,
           "[attack 99] another $name: its keys are there");
    $redis->cmd('SELECT', 0);
}

is($redis->cmd('DBSIZE') > @names, 1, '[attack 98] nothing was flushed');

$t->finish;

done_testing;
