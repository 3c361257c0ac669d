# Guessing codes, passwords and names: no other session, node, address header,
# connection, spelling or hang-up gives one try more.

use Totp::Test;

my $t = Totp::Test->new(
    users => [qw(alice bob carol dave erin frank), "caf\xc3\xa9"], nodes => 2, start => 0,
    redis => { appendonly => 'yes' },
    http => "totp_attempts 4 5m;\n    totp_threads 2 max_queue=1024;", servers => <<'END');
    ssl_certificate      %DIR%/cert.pem;
    ssl_certificate_key  %DIR%/key.pem;

    server {
        listen       127.0.0.1:%PORT_two% ssl http2;
        server_name  localhost;
        totp         on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen             127.0.0.1:%PORT_real%;
        server_name        localhost;
        totp               on;
        set_real_ip_from   127.0.0.0/8;
        real_ip_header     X-Forwarded-For;
        real_ip_recursive  on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen         127.0.0.1:%PORT_many%;
        server_name    localhost;
        totp           on;
        totp_attempts  100 5m;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

system(join ' ', tool('openssl'), qw(req -x509 -newkey ec -pkeyopt
       ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -batch),
       '-keyout', "$t->{dir}/key.pem", '-out', "$t->{dir}/cert.pem",
       '2>/dev/null') == 0 or die 'openssl made no certificate';
$t->node($_)->start for qw(a b);

my $redis = $t->redis;
my @JSON = (headers => [Accept => 'application/json']);

sub half {
    my ($user, @where) = @_;
    return $t->client(@where)->half($user);
}

sub record { my ($user, $f) = @_; return $redis->cmd('HGET', "totp:user:{default:$user}", $f) }

sub unlock { my ($user) = @_;
    return $redis->cmd('HDEL', "totp:user:{default:$user}",
                       qw(fails fails_from locks locked_until row last_step burnt)) }

sub tries { my ($key) = @_; return $redis->cmd('GET', "totp:tries$key") || 0 }

sub tries_end_at {
    my ($key, $n, $what) = @_;
    return is($redis->settle("totp:tries$key", $n), $n, $what);
}

# Wrong codes for as long as this test may take, found once a user.

my %wrong;

sub wrong {
    my ($user) = @_;
    $wrong{$user} ||= do {
        my $otp = $t->otp($user);
        my %near = map { ($_ => 1) } $otp->codes($otp->step - 13, 60);
        [ grep { !$near{$_} } map { sprintf '%06d', 100003 + 7919 * $_ } 1 .. 100 ];
    };
    push @{ $wrong{$user} }, my $code = shift @{ $wrong{$user} };
    return $code;
}

sub count { my (@r) = @_; my %got; $got{ $_->status . ' ' . $_->error }++ for @r; return \%got }


# Every way of beginning anew, one count.

my $alice = $t->client->ready('alice');
my $otp = $t->otp('alice');
{
    my $left = 3;
    for my $how (
        ['at first', sub { half('alice') }],
        ['a new sign-in', sub { half('alice') }],
        ['on the other node', sub { half('alice', node => 'b') }],
        ['from another address, by another browser', sub { half('alice', node => 'b',
                                                               ip => fresh_ip()) }],
    ) {
        my $c = $how->[1]->();
        is($c->code(wrong('alice'))->json->{attempts_left}, $left--,
           "[attack 23] $how->[0]: the count goes on");
        is($c->page('code')->status, 200, 'looking at the page counts for nothing');
        if ($left == 1) {
            is($t->client->login('alice')->stage, 'password', '[attack 23] the right password');
            is($c->act('logout', {})->status, 200, '[attack 23] or signing out');
        }
    }
    for my $node (qw(a b)) {
        my $c = half('alice', node => $node, ip => fresh_ip());
        is_error($c->code($otp->code_off(0)), 429, 'locked', "[attack 21] locked on $node");
        refused($c->get('/x'), "[attack 21] and the gate closed on $node");
        is_error($c->code($alice->{enrolled}{codes}[0]), 429, 'locked',
                 "[attack 24] for a backup code on $node");
    }
    $alice->page('setup');
    is_error($alice->act('setup', { code => $otp->code_off(0) }), 429, 'locked',
             '[attack 24] for a set-up');
    is_error($alice->code($otp->code_off(0)), 429, 'locked', '[attack 24] for being fresh');
    is(record('alice', 'row'), 4, '[attack 24] four are counted');
    unlock('alice');
    is(half('alice')->code($otp->next_code)->stage, 'full', 'the code was not looked at');
}

# Mixed: one wrong of each kind is as many as four of one.

{
    my $c = half('alice', node => 'b');
    $alice->page('setup');
    my @left = map { $_->json->{attempts_left} }
        $c->code(wrong('alice')), $c->code('0000-0000-0000-0000'),
        $alice->code(wrong('alice')), $alice->act('setup', { code => wrong('alice') });
    is("@left", '3 2 1 0', '[attack 24] all kinds of codes, one count');
    is_error($c->code($otp->code_off(1)), 429, 'locked', '[attack 24] and one lock');
    unlock('alice');
}


# A hundred streams of one connection.

sub curl_posts {
    my ($n, $c, $form) = @_;
    my $curl = tool('curl');
    my $url = "https://127.0.0.1:$c->{port}/2fa/code";
    my $cookie = $c->cookie_header;
    my $file = spew("$t->{dir}/curl", "parallel\nparallel-max = 100\nno-progress-meter\n"
        . join "next\n", map {
        "http2\ninsecure\nsilent\nmax-time = 60\nurl = \"$url\"\noutput = \"/dev/null\"\n"
        . "header = \"Cookie: $cookie\"\nheader = \"Accept: application/json\"\n"
        . "write-out = \"%{http_version} %{http_code}\\n\"\n"
        . 'data-raw = "' . form_encode([[csrf => $c->{csrf}], [code => $form->()]]) . "\"\n"
        } 1 .. $n);
    my %got;
    $got{$_}++ for split /\n/, `$curl -K $file`;
    return \%got;
}

{
    my $c = half('alice');
    $c->{port} = $t->node->port('two');
    my $got = curl_posts(100, $c, sub { wrong('alice') });
    is_deeply($got, { '2 401' => 4, '2 429' => 96 },
              '[attack 22] a hundred streams of HTTP/2: four are looked at')
        or diag explain $got;
    is(record('alice', 'row'), 4, '[attack 22] and counted');
    unlock('alice');
}

# Many at once on a few connections that are kept, over both nodes.

{
    my @c = map { half('alice', node => $_) } qw(a b);
    my @conn = map { [$c[$_ % 2], $c[$_ % 2]->connect] } 0 .. 9;
    my $raw = sub { my ($c, $code) = @_; return $c->build('POST', '/2fa/code', @JSON,
        keep => 1, form => { csrf => $c->{csrf}, code => $code }) };
    for my $k (@conn) {
        $k->[1]->send(join '', map { $raw->($k->[0], wrong('alice')) } 1 .. 6);
    }
    my @r = map { my $k = $_; map { $k->[1]->response } 1 .. 6 } @conn;
    is_deeply(count(@r), { '401 bad_code' => 4, '429 locked' => 56 },
              '[attack 22] sixty in pipelines: four are looked at');
    $_->[1]->close for @conn;
    unlock('alice');
}


# Hanging up before the answer: each is counted all the same.

{
    $t->client(port => 'many')->ready('bob');
    my $bob = $t->otp('bob');
    my @c = map { half('bob', port => 'many', node => $_) } qw(a b);
    my @guess = map { wrong('bob') } 1 .. 3;
    for my $i (1 .. 90) {
        my $c = $c[$i % 2];
        my $k = $c->connect;
        $k->send($c->build('POST', '/2fa/code', @JSON,
                           form => { csrf => $c->{csrf}, code => $guess[$i % 3] }));
        $k->close;
    }
    ok(wait_until(sub { (record('bob', 'row') || 0) == 90 }, 10),
       '[attack 30] ninety who did not wait: all are counted') or diag record('bob', 'row');
    is($c[0]->code($guess[0])->json->{attempts_left}, 9, '[attack 30] the next is the 91st');
    for (1 .. 30) {
        my $k = $c[0]->connect;
        $k->send($c[0]->build('POST', '/2fa/code', @JSON,
                              form => { csrf => $c[0]{csrf}, code => $guess[1] }));
        $k->reset;
    }
    my $c = half('bob', port => 'many');
    wait_until(sub { my $r = $c->code($guess[2]); $r->status == 429 }, 20);
    is_error($c->code($bob->code_off(1)), 429, 'locked', '[attack 30] then it is locked');
    is(record('bob', 'row'), 100, '[attack 30] for good');
}

# Likewise with passwords.

{
    my $ip = fresh_ip();
    my $c = $t->client(ip => $ip);
    $c->page('login');
    for (1 .. 4) {
        my $k = $c->connect;
        $k->send($c->build('POST', '/2fa/login', @JSON, form => { csrf => $c->{csrf},
            username => 'carol', password => "guess-$_" }));
        $k->close;
    }
    ok(wait_until(sub { tries(":{default:carol}:$ip") == 4 }, 10),
       '[attack 30] passwords: those who hang up are counted');
    is_error($c->login('carol'), 429, 'locked', '[attack 30] and locked');
}


# No header makes another address.

{
    my $ip = fresh_ip();
    my $c = $t->client(ip => $ip);
    my @pretend = ('X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'True-Client-IP', 'X-Client-IP',
        'CF-Connecting-IP', 'Fastly-Client-IP', 'X-Cluster-Client-IP', 'X-Originating-IP',
        'X-Remote-IP', 'X-Remote-Addr', 'Client-IP', 'Via', 'X_Forwarded_For', 'X-Forwarded',
        'X-ProxyUser-Ip', 'Wl-Proxy-Client-Ip', 'X-Envoy-External-Address');
    my $n = 0;
    my @answers;
    for my $value ('198.51.100.%d', '127.0.0.1', '2001:db8::%d', 'for=198.51.100.%d', 'garbage', '',
                   '198.51.100.%d:99', '198.51.100.%d, 127.0.0.1')
    {
        $c->page('login');
        push @answers, $c->act('login', { username => 'dave', password => 'wrong-word' },
            (map { $n++; ($_ => $value =~ s/%d/$n/r) } @pretend),
            'X-Forwarded-For' => "203.0.113.$n");
    }
    is_deeply(count(@answers), { '401 bad_credentials' => 4, '429 locked' => 4 },
              '[attack 25] whatever headers say: one address');
    tries_end_at("-address:$ip", 4, '[attack 25] which is nginx\' own');
    is_deeply([ grep { !/:127\./ } $redis->keys('totp:tries-address:*') ], [],
              '[attack 25] and no other is known');
}

# Behind a proxy that is trusted: the last hop that is not.

{
    my $real = sub {
        my ($xff, @more) = @_;
        my $c = $t->client(port => 'real', ip => '127.0.0.5');
        my @h = map { ('X-Forwarded-For' => $_) } ref $xff ? @$xff : $xff;
        $c->page('login', @h);
        return $c->act('login', { username => 'erin', password => 'wrong-word' }, @h, @more);
    };
    for my $case (
        ['198.51.100.1', '198.51.100.1'],
        ['6.6.6.6, 198.51.100.1', '198.51.100.1'],
        ['127.0.0.1, 198.51.100.1', '198.51.100.1'],
        ['198.51.100.1, 127.0.0.1', '198.51.100.1'],
        ['198.51.100.1, 127.0.0.1, 127.0.0.9', '198.51.100.1'],
        ['198.51.100.1:4711', '198.51.100.1'],
        ['garbage, 198.51.100.1', '198.51.100.1'],
        [['7.7.7.7', '198.51.100.1'], '198.51.100.1'],
        ['::ffff:198.51.100.1', '198.51.100.1'],
        ['::FFFF:c633:6401', '198.51.100.1'],
        ['[2001:db8:5:6::1]:99', '2001:db8:5:6::'],
        ['2001:db8:5:6:ffff::9', '2001:db8:5:6::'],
        ['2001:0DB8:0005:0006::9', '2001:db8:5:6::'],
        ['2001:db8:5:7::9', '2001:db8:5:7::'],
        ['garbage', '127.0.0.5'],
        ['', '127.0.0.5'],
        ['198.51.100.1, garbage', '127.0.0.5'],
    ) {
        my ($xff, $want) = @$case;
        my @old = $redis->keys('totp:tries*');
        $redis->cmd('DEL', @old) if @old;
        my $r = $real->($xff, 'X-Real-IP' => '9.9.9.9', Forwarded => 'for=9.9.9.9');
        is_error($r, 401, 'bad_credentials', 'a failure');
        my @key = map { uri_unescape($_) } $redis->keys('totp:tries-address:*');
        is("@key", "totp:tries-address:$want",
           '[attack 25] trusted proxy: ' . (ref $xff ? "@$xff" : $xff));
    }
}


# Spellings of a name: refused, or another user of the file; never the right
# password and no record.

{
    my @keys = $redis->keys('totp:user:*');
    my $n = 0;
    for my $name ('ALICE', 'Alice', 'alice ', ' alice', "alice\t", "\talice", "alice\r\n", "alice\n",
        "alice\xc2\xa0", "alice\xe2\x80\x8b", "\xef\xbb\xbfalice", "\xef\xbd\x81lice", "al\xc3\xadce",
        "ali\xd1\x81e", "\xc1\xa1lice", "\xe0\x81\xa1lice", "alice\xcc\x81", "\xe2\x80\xaealice",
        'alice/', 'alice%00', 'alice%20', '%61lice', 'alice@localhost', 'DOMAIN\\alice', 'alice:',
        'default:alice', '{default:alice}', 'alice}', 'alice#', '"alice"', 'alice,bob', 'alice|x',
        "alice\x1b[0m", "alice\x7f", "alice\xff", 'alice*', 'a?ice', 'alice;', '', 'alic', 'alicea',
        "cafe\xcc\x81", 'caf%C3%A9', "caf\xe9", "CAF\xc3\x89", 'x' x 256, "alice" x 60)
    {
        for my $as ("alice", "caf\xc3\xa9") {
            my $c = $t->client(ip => fresh_ip());
            my $r = $c->login($name, $t->password($as));
            $n++ if $r->status != 401 || $r->error ne 'bad_credentials';
            is_error($r, 401, 'bad_credentials', '[attack 26] ' . unpack 'H*', substr $name, 0, 30)
                if $r->status != 401;
        }
    }
    is($n, 0, '[attack 26] no other spelling is a user');
    is_deeply([ sort $redis->keys('totp:user:*') ], [ sort @keys ],
              '[attack 26] and none has a record');
    my $c = $t->client(ip => fresh_ip());
    is_error($c->request('POST', '/2fa/login', @{[ headers => [Accept => 'application/json',
        'Content-Type' => 'application/x-www-form-urlencoded'] ]}, body => 'username=alice%00&password='
        . uri_escape($t->password('alice'))), 400, 'bad_request', '[attack 26] NUL');
    is($t->client(ip => fresh_ip())->login("caf\xc3\xa9")->stage, 'full',
       '[attack 26] the name as it stands in the file');
}


# Names in a row from one address, and a user whom others guess at.

{
    my $ip = fresh_ip();
    $redis->cmd('SET', "totp:tries-address:$ip", 79, 'EX', 200);
    is_error($t->client(ip => $ip)->login('spray-1', 'wrong-word'), 401, 'bad_credentials',
             '[attack 27] the last of 20 n names');
    is_error($t->client(ip => $ip, node => 'b')->login('spray-2', 'wrong-word'), 429, 'locked',
             '[attack 27] then the address is locked, on either node');
    $ip = fresh_ip();
    $t->client(ip => $ip)->login('frank', 'wrong-word') for 1 .. 5;
    is($t->client(ip => fresh_ip())->login('frank')->stage, 'full',
       '[attack 27] a stranger\'s guesses do not lock a user out elsewhere');
}


# Redis restarted in the middle: what was counted is counted.  Emptied: nobody
# gets in by less than before.

{
    my $c = half('alice');
    my $ip = fresh_ip();
    $c->code(wrong('alice')) for 1 .. 3;
    $t->client(ip => $ip)->login('carol', 'wrong-word') for 1 .. 3;
    $redis->stop;
    $redis->start;
    my @at = map { $alice->clone(port => $t->node($_)->port) } qw(a b);
    ok(wait_until(sub { !grep { $_->status != 200 } Totp::Client->fire([ map { my $at = $_;
        map { [$at, $at->build('GET', '/2fa/settings', @JSON)] } 1 .. 12 } @at ]) }, 20, 0.2),
       'Redis is back, for every worker');
    is($c->code(wrong('alice'))->json->{attempts_left}, 0,
       '[attack 29] after a restart the fourth is the fourth');
    is_error($c->code($otp->code_off(1)), 429, 'locked', '[attack 29] and locks');
    my $d = $t->client(ip => $ip);
    is_error($d->login('carol', 'wrong-word'), 401, 'bad_credentials',
             '[attack 29] passwords: the fourth');
    is_error($d->login('carol'), 429, 'locked', '[attack 29] likewise');

    $redis->cmd('FLUSHALL');
    for my $node (qw(a b)) {
        my $e = $t->client(node => $node, ip => fresh_ip());
        ok(wait_until(sub { $e->login('alice')->error eq 'unavailable' }, 10, 0.2),
           "[attack 29] emptied: nobody signs in on $node");
        isnt($e->login('alice')->stage, 'full', "[attack 29] least of all by password on $node");
        refused($e->get('/x'), "[attack 29] and the gate is closed on $node");
    }
}

$t->finish;

done_testing;
