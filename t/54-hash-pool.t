# The pool that hashes passwords: bounded, behind everybody else, and a full
# queue is told at once and costs nobody an attempt.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)],
                        http => 'totp_threads 1 max_queue=1;');

my $slow = crypt_bcrypt($t->password('bob'));
$t->htpasswd(bob => $slow);
ok(wait_until(sub { $t->node->error_log =~ /2 users.*2 users.*2 users/s }, 10),
   'both workers have read the slow entry');

sub crypt_bcrypt {
    my ($password) = @_;

    my $hash = crypt $password, '$2y$12$' . 'abcdefghijklmnopqrstuu';
    die 'crypt(3) knows no bcrypt' unless defined $hash && length $hash == 60;

    return $hash;
}


my @jobs;
for (1 .. 30) {
    my $c = $t->client(ip => fresh_ip());
    $c->page('login');
    push @jobs, [$c, $c->build('POST', '/2fa/login',
        headers => [Accept => 'application/json'],
        form => [[username => 'bob'], [password => $t->password('bob')],
                 [csrf => $c->{csrf}]])];
}

my @r = Totp::Client->fire(\@jobs, timeout => 60);
my @full = grep { $_->status == 503 } @r;
my @in = grep { $_->status == 200 } @r;

is(@full + @in, 30, 'signed in, or told that there is no room');
cmp_ok(scalar @in, '>=', 2, 'as many as the pools take are signed in');
cmp_ok(scalar @full, '>=', 1, 'and not everybody');
is_error($full[0], 503, 'unavailable', 'who comes too late');
is(scalar(grep { ($_->header('Retry-After') || '') ne '2' } @full), 0,
   'each may come again in two seconds');

ok(wait_until(sub {
    !grep { $t->redis->cmd('GET', $_) } $t->redis->keys('totp:tries*');
}, 5), 'and has not lost an attempt');


# Where the system has priorities of threads: state is field 3, nice field 19.

my $behind = 0;

for my $pid ($t->node->workers) {
    my %nice;
    for my $file (glob "/proc/$pid/task/*/stat") {
        my ($tid) = $file =~ m{task/(\d+)/};
        $nice{$tid} = (split ' ', slurp($file) =~ s/\A.*\)//sr)[16];
    }
    my $own = delete $nice{$pid};
    $behind += grep { $nice{$_} == $own + 10 || $nice{$_} == 19 } keys %nice;
}

cmp_ok($behind, '>=', 1, 'threads that hash stand behind the event loops');

$t->finish;
done_testing;
