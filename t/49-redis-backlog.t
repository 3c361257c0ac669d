# More is written to Redis at once than a socket holds: Redis stands still for a
# moment.  Every command goes out in the end, once, and in its order.

use Totp::Test;

my $t = Totp::Test->new(users => ['alice'], workers => 1, http => <<'END');
    totp_redis_timeout  20s;
    totp_attempts       100 5m;
    totp_threads        2 max_queue=1024;
END
my $redis = $t->redis;
my $c = $t->client;

# As long as a name may be: it stands in several keys of a command.

sub name { return sprintf '%s%03d', 'n' x 250, $_[0] }

sub guess {
    my ($name, $password) = @_;

    return [$c, $c->build('POST', '/2fa/login',
        form => { username => $name, password => $password, csrf => $c->{csrf} },
        headers => [Accept => 'application/json'])];
}

$c->page('login');
my @jobs = map { guess(name($_), 'wrong-word') } 1 .. 400;
push @jobs, guess('alice', $t->password('alice'));

for my $round (1, 2) {
    $redis->freeze;
    local $SIG{ALRM} = sub { $redis->thaw };
    alarm 2;

    my @r = Totp::Client->fire(\@jobs, timeout => 30);

    my %got;

    $got{ $_->status . ' ' . $_->error }++ for @r[0 .. 399];
    is_deeply(\%got, { '401 bad_credentials' => 400 },
              "$round: each guess was looked at and refused") or diag explain \%got;
    is($r[400]->stage, 'full', "$round: a right password is in");
}

my ($low, $high) = (99, 0);
for my $key ($redis->keys('*')) {
    next unless $key =~ /n{250}/ && $redis->cmd('TYPE', $key) eq 'string';
    my $n = $redis->cmd('GET', $key);
    $low = $n if $n < $low;
    $high = $n if $n > $high;
}
is("$low $high", '2 2', 'no guess was counted twice, and none was forgotten');

is($t->client->login('alice')->stage, 'full', 'all goes on');

$t->finish;

done_testing;
