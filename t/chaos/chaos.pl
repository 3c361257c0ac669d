# Users, faults, and a model that knows what must hold.
#
#     make chaos SECONDS=120 USERS=200 SEED=
#
# The seed is printed first; SEED= repeats the users' choices and the faults.

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";

use Totp::Test;

use Chaos::Run;

my $seed = $ENV{SEED} || unpack 'N', random_bytes(4);
my $run = do {
    diag("seed $seed");
    Chaos::Run->new(seed => $seed, seconds => $ENV{SECONDS} || 120,
                    users => $ENV{USERS} || 200);
};

$run->run;

diag($_) for $run->counters;
is(scalar $run->failed, 0, 'no rule is broken')
    or diag(join "\n", $run->report);
is($run->{calm} && $run->{calm}{in}, $run->{users}, 'every user gets in');
is_deeply([ $run->lasting ], [],
          'nothing under way stays for ever in Redis [attack 104]');
$run->rig->finish;

done_testing;
