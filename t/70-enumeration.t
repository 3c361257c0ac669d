# Who exists is told to nobody: a name that is known, one that is not, one with
# a second factor and one whose second factor is locked get the same bytes, and
# cost the same.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave)],
    http => "totp_threads 1 max_queue=2;\n    totp_attempts 50 5m;",
    servers => <<'END');
    server {
        listen         127.0.0.1:%PORT_few%;
        server_name    localhost;
        totp           on;
        totp_attempts  2 5m;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
my $redis = $t->redis;

# alice has a second factor, bob has none, carol's is locked, dave's hash is
# none that anybody knows; the last name does not exist.

$t->client->ready('alice');
$t->client->ready('carol');
my $c = $t->client(port => 'few');
$c->login('carol');
$c->code($t->otp('carol')->wrong_code) for 1 .. 2;
is_error($c->code($t->otp('carol')->wrong_code), 429, 'locked',
         "carol's second factor is locked");
$t->htpasswd(dave => '*');
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('dave')->status == 401 },
              10, 0.3), 'dave has no password any more');

my @names = qw(alice bob carol dave nobody);


# The bytes of an answer, with what is another's by nature taken out: the
# token, the cookie, the date, the name that was typed.

sub bare {
    my ($r, $user, $csrf) = @_;

    my $text = "$r->{head}\n\n" . $r->body;

    $text =~ s/^(Date|Content-Length): .*/$1/gmi;
    $text =~ s/^(Set-Cookie: totp=)[^;]*/$1VALUE/gmi;
    $text =~ s/\Q$csrf/CSRF/g;
    $text =~ s/("csrf":")[^"]*/$1CSRF/g;
    $text =~ s/(name="csrf"[^>]*value=")[^"]*/$1CSRF/g;
    $text =~ s/\b\Q$user\E\b/USER/g;

    return $text;
}

sub answers {
    my ($type, $password, %o) = @_;

    my %of;
    my $times = delete $o{times} || 1;

    for my $user (@names) {
        my $c = $t->client(ip => fresh_ip(), %o);
        $c->page('login');
        my $r;
        for (1 .. $times) {
            $r = $c->post('/2fa/login', { username => $user,
                password => $password, next => '/deep?x=1' },
                Accept => $type);
        }
        push @{ $of{ bare($r, $user, $c->{csrf}) } }, $user;
    }

    return \%of;
}

sub same {
    my ($of, $like, $name) = @_;

    is(scalar(keys %$of), 1, "$name: one answer for all")
        or diag explain $of;
    like((sort keys %$of)[0], $like, "$name: which is this one");
}

my %type = (JSON => 'application/json', page => 'text/html');

for my $as (sort keys %type) {
    same(answers($type{$as}, 'wrong-word'), qr{\AHTTP/1\.1 401 },
         "[attack 57] a wrong password, $as");
    same(answers($type{$as}, ''), qr{\AHTTP/1\.1 401 },
         "[attack 57] no password, $as");
    same(answers($type{$as}, 'w' x 256), qr{\AHTTP/1\.1 401 },
         "[attack 57] [attack 58] 256 bytes, $as");
    same(answers($type{$as}, 'w' x 600), qr{\AHTTP/1\.1 401 },
         "[attack 59] 600 bytes, more than is hashed, $as");
    same(answers($type{$as}, 'w' x 9000), qr{\AHTTP/1\.1 413 },
         "[attack 59] more than 8 KiB, $as");
    same(answers($type{$as}, 'wrong-word', port => 'few', times => 3),
         qr{\AHTTP/1\.1 429 }, "[attack 57] locked, $as");
}

{
    my %of;
    for my $user (@names) {
        my $c = $t->client(ip => fresh_ip());
        $c->page('login');
        my $r = $c->request('POST', '/2fa/login', form => [
            [username => $user], [csrf => $c->{csrf}],
            [password => 'w' x (1 << 20)]], headers => [
            Accept => 'application/json']);
        push @{ $of{ bare($r, $user, $c->{csrf}) } }, $user;
    }
    same(\%of, qr{\AHTTP/1\.1 413 }, '[attack 59] a password of 1 MiB');
}

for my $page ('code', 'settings', 'setup', 'backup-codes', 'disable') {
    my %of;
    for my $user (@names) {
        my $c = $t->client(ip => fresh_ip());
        $c->login($user, 'wrong-word');
        push @{ $of{ bare($c->get_html("/2fa/$page"), $user, $c->{csrf}) } },
             $user;
    }
    same(\%of, qr{\AHTTP/1\.1 303 }, "[attack 57] $page after a wrong password");
}


# What it costs: the same commands to Redis, in the same order; where nobody has
# tried before.

my %told;

for my $user (qw(alice bob carol zelda)) {
    my $ip = fresh_ip();
    my $c = $t->client(ip => $ip);
    $c->page('login');
    $redis->cmd('DEL', "totp:tries:{default:$user}");
    $redis->monitor;
    my $r = $c->act('login', { username => $user, password => 'wrong-word' });
    is($r->status, 401, "$user: refused");
    $redis->cmd('PING', 'the end');
    my $log;
    wait_until(sub { ($log = slurp($redis->{monitor_file})) =~ /the end/ });
    $redis->monitor_end;

    my $text = '';
    for my $line (split /\r?\n/, $log) {
        # scripts and what they call, not what a node says at rest
        next if $line !~ /\A\+?[\d.]+ \[(?:\d+ lua\]|[^\]]*\] "EVAL)/;
        $line =~ s/\A\+?[\d.]+ \[[^\]]*\] //;
        # the last argument is the call's mark, another each time
        $line =~ s/ "[0-9a-f]+"\z// if $line =~ /\A"EVAL/;
        $line =~ s/\b\Q$user\E\b/USER/g;
        $line =~ s/\b\Q$ip\E\b/ADDRESS/g;
        $text .= "$line\n";
    }
    push @{ $told{$text} }, $user;
}

is(scalar(keys %told), 1, '[attack 58] Redis is told the same of each name')
    or diag explain \%told;
like((keys %told)[0], qr/USER/, 'and is told something');


# And a hash: with one thread and two in the queue, some of many at once are
# turned away, which nobody would be if nothing were hashed.

$t->htpasswd((map { ("u$_" => crypt "word-$_", '$2b$10$abcdefghijklmnopqrstuu') }
              1 .. 5), map { ($_ => undef) } qw(alice bob carol dave));
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('u1', 'word-1')->status
                    == 200 }, 15, 0.4), 'a file of slow hashes');

for my $user ('u1', 'nobody') {
    my @jobs = map {
        my $c = $t->client(ip => fresh_ip());
        $c->page('login');
        [$c, $c->build('POST', '/2fa/login', form => { username => $user,
            password => 'wrong-word', csrf => $c->{csrf} },
            headers => [Accept => 'application/json'])];
    } 1 .. 16;
    my %got;
    $got{ $_->status . ' ' . $_->error }++ for Totp::Client->fire(\@jobs);

    is_deeply([ sort keys %got ], ['401 bad_credentials', '503 unavailable'],
              "[attack 58] [attack 106] $user: each try costs a hash, "
              . 'and the queue has an end') or diag explain \%got;
}

$t->finish;

done_testing;
