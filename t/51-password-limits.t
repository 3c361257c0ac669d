# Failures of the password: for the pair of user and address, for the address,
# for the user; refunded by success; the same for names that do not exist.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave)],
    http => <<'END', servers => <<'END2');
    totp_attempts    3 1h;
    totp_threads     2 max_queue=1024;
END
    server {
        listen         127.0.0.1:%PORT_short%;
        server_name    localhost;
        totp           on;
        totp_attempts  3 2s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2
my @JSON = (headers => [Accept => 'application/json']);

sub try {
    my ($ip, $user, $password, @more) = @_;
    my $c = $t->client(ip => $ip, @more);
    return $c->login($user, $password);
}


# The pair.

for my $user ('alice', 'nobody-of-this-name') {
    my $ip = fresh_ip();
    for (1 .. 3) {
        is_error(try($ip, $user, 'wrong-word'), 401, 'bad_credentials',
                 "$user, failure $_");
    }
    my $r = try($ip, $user, 'wrong-word');
    is_error($r, 429, 'locked', "$user: locked after n");
    like($r->header('Retry-After'), qr/^3[0-9]{3}$/, "$user: Retry-After");
    is($r->json->{retry_after}, $r->header('Retry-After'), "$user: retry_after");
    my $page = do { my $c = $t->client(ip => $ip); $c->page('login');
        $c->post_html('/2fa/login', { username => $user, password => 'wrong-word' }) };
    is($page->status, 429, "$user: as a page");

    if ($user eq 'alice') {
        is_error(try($ip, 'alice', undef), 429, 'locked',
                 'the right password is not looked at');
        is(try(fresh_ip(), 'alice', undef)->stage, 'full',
           '[attack 27] another address is not locked');
        is(try($ip, 'bob', undef)->stage, 'full', 'another user is not locked');
    }
}

{
    my $ip = fresh_ip();
    my @short = (port => 'short');
    try($ip, 'bob', 'wrong-word', @short) for 1 .. 3;
    is_error(try($ip, 'bob', undef, @short), 429, 'locked', 'a lock of two seconds');
    ok(wait_until(sub { try($ip, 'bob', undef, @short)->stage eq 'full' }, 10, 0.4),
       'ends by itself');
}


# A success refunds what was reserved: any number of right passwords pass.

my $ip = fresh_ip();
is(scalar(grep { try($ip, 'bob', undef)->stage ne 'full' } 1 .. 12), 0,
   'right passwords are no failures');
my @c = map { my $c = $t->client(ip => $ip); $c->page('login'); $c } 1 .. 3;
my @r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/login',
    form => { username => 'bob', password => $t->password('bob'),
              csrf => $_->{csrf} }, @JSON)] } @c ]);
is(scalar(grep { $_->stage eq 'full' } @r), 3, 'some at once neither');


# Reserved before the hash: parallel guesses gain nothing.

$ip = fresh_ip();
$t->htpasswd(slow => crypt 'slow-word', '$2b$08$abcdefghijklmnopqrstuu');
ok(wait_until(sub { try(fresh_ip(), 'slow', 'slow-word')->stage eq 'full' }, 10, 0.3),
   'a user with a slow hash');
@c = map { my $c = $t->client(ip => $ip); $c->page('login'); $c } 1 .. 4;
@r = Totp::Client->fire([ map { my $c = $c[$_ % 4]; [$c, $c->build('POST', '/2fa/login',
    form => { username => 'slow', password => "guess-$_", csrf => $c->{csrf} },
    @JSON)] } 1 .. 40 ]);
my %got;
$got{ $_->status . ' ' . $_->error }++ for @r;
is_deeply(\%got, { '401 bad_credentials' => 3, '429 locked' => 37 },
          'of forty parallel guesses three are looked at');


# The address: 20 n, over all names.

$ip = fresh_ip();
my $i = 0;
%got = ();
for my $round (1 .. 7) {
    my @j;
    for (1 .. 10) {
        my $c = $t->client(ip => $ip);
        $c->{jar} = { %{ $c[0]{jar} } };
        $c->{csrf} = $c[0]{csrf};
        push @j, [$c, $c->build('POST', '/2fa/login', form => {
            username => 'spray' . ++$i, password => 'wrong-word',
            csrf => $c->{csrf} }, @JSON)];
    }
    $got{ $_->status }++ for Totp::Client->fire(\@j);
}
is($got{401}, 60, '[attack 27] sixty names from one address are tried, 20 n')
    or diag explain \%got;
is($got{429}, 10, 'and no more');
is_error(try($ip, 'carol', undef), 429, 'locked', '[attack 27] the address is locked');
is(try(fresh_ip(), 'carol', undef)->stage, 'full', 'others are not');


# A counter runs from its first failure: more of them do not make it longer.  One
# that has lost its end gets one.

{
    my $redis = $t->redis;
    my $from = fresh_ip();
    my %before = map { ($_ => 1) } $redis->keys('*');

    try($from, 'nobody-counts', 'wrong-word');
    my @counts = grep { !$before{$_} && $redis->cmd('TYPE', $_) eq 'string' }
                 $redis->keys('*');
    cmp_ok(scalar @counts, '>=', 2, 'a failure is counted in several places');

    $redis->cmd('EXPIRE', $_, 100) for @counts;
    try($from, 'nobody-counts', 'wrong-word');
    cmp_ok($redis->cmd('TTL', $_), '<=', 100, "$_: no longer") for @counts;

    $redis->cmd('PERSIST', $_) for @counts;
    try($from, 'nobody-counts', 'wrong-word');
    cmp_ok($redis->cmd('TTL', $_), '>', 100, "$_: ends again") for @counts;

    $redis->cmd('EXPIRE', $_, 100) for @counts;
    my $r = try($from, 'nobody-counts', 'wrong-word');
    is_error($r, 429, 'locked', 'locked');
    cmp_ok($r->json->{retry_after}, '<=', 100, 'for what is left of the time');
    cmp_ok($r->json->{retry_after}, '>', 50, 'and not for less');
}


# The address is nginx' own, never a header.

$ip = fresh_ip();
my $c = $t->client(ip => $ip);
for my $n (1 .. 3) {
    $c->page('login');
    $c->act('login', { username => 'carol', password => 'wrong-word' },
            'X-Forwarded-For' => "198.51.100.$n", 'X-Real-IP' => "198.51.100.$n",
            Forwarded => "for=198.51.100.$n");
}
$c->page('login');
is_error($c->act('login', { username => 'carol', password => $t->password('carol') },
    'X-Forwarded-For' => '198.51.100.9', 'X-Real-IP' => '198.51.100.9'),
    429, 'locked', '[attack 25] headers make no other address');


# The user: a hundred an hour, from whichever addresses; those from which he
# signed in lately are exempt.

my $home = fresh_ip();
is(try($home, 'dave', undef)->stage, 'full', 'dave signs in at home');
%got = ();
for my $round (1 .. 11) {
    my @j;
    for (1 .. 10) {
        my $c = $t->client(ip => fresh_ip());
        $c->{jar} = { %{ $c[0]{jar} } };
        $c->{csrf} = $c[0]{csrf};
        push @j, [$c, $c->build('POST', '/2fa/login', form => {
            username => 'dave', password => 'wrong-word',
            csrf => $c->{csrf} }, @JSON)];
    }
    $got{ $_->status }++ for Totp::Client->fire(\@j);
}
is($got{401}, 100, 'a hundred failures from a hundred addresses')
    or diag explain \%got;
is($got{429}, 10, 'then the user is locked');
is_error(try(fresh_ip(), 'dave', undef), 429, 'locked', 'from elsewhere');
is(try($home, 'dave', undef)->stage, 'full', 'not at home');
is(try(fresh_ip(), 'bob', undef)->stage, 'full', 'another user is not');

%got = ();
for my $round (1 .. 11) {
    my @j;
    for (1 .. 10) {
        my $c = $t->client(ip => fresh_ip());
        $c->{jar} = { %{ $c[0]{jar} } };
        $c->{csrf} = $c[0]{csrf};
        push @j, [$c, $c->build('POST', '/2fa/login', form => {
            username => 'unknown-of-all', password => 'wrong-word',
            csrf => $c->{csrf} }, @JSON)];
    }
    $got{ $_->status }++ for Totp::Client->fire(\@j);
}
is_deeply(\%got, { 401 => 100, 429 => 10 }, 'a name that does not exist likewise');


# Limits are in Redis: what one node counted, another knows.

my $b = $t->add_node('b');
$b->start;
$ip = fresh_ip();
try($ip, 'carol', 'wrong-word') for 1 .. 3;
my $there = $t->client(ip => $ip, node => 'b');
is_error($there->login('carol'), 429, 'locked', 'another node knows');


# IPv6: a /64 is one address.  The application stands in for a proxy here:
# realip gives nginx the address.

my $six = Totp::Test->new(users => ['alice'], http => <<'END');
    totp_attempts     1 5m;
    set_real_ip_from  127.0.0.1;
    real_ip_header    X-Real-IP;
END
%got = ();
for my $i (1 .. 25) {
    my $c = $six->client;
    $c->page('login', 'X-Real-IP' => "2001:db8:1:2::$i");
    my $r = $c->act('login', { username => "name$i", password => 'wrong-word' },
                    'X-Real-IP' => sprintf '2001:db8:1:2:%x::1', $i);
    $got{ $r->status }++;
}
is_deeply(\%got, { 401 => 20, 429 => 5 }, '[attack 25] a /64 is one address, realip counts');
$c = $six->client;
$c->page('login');
is($c->act('login', { username => 'alice', password => $six->password('alice') },
           'X-Real-IP' => '2001:db8:1:3::1')->stage, 'full', 'the next /64 is another');
$six->finish;

$t->finish;

done_testing;
