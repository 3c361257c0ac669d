#!/usr/bin/env perl
# Mutation: does a test notice when the code is wrong?
#
#     perl t/mutate/mutate.pl [--minutes N] [--seed N] [--only PATTERN]
#                             [--jobs N] [--list]
#
# One at a time, each comparison of the pure layer, the gate, the session and the
# scripts of the store is turned round, each "and" becomes an "or", and each
# early return is left out.  A mutant of the pure layer runs against the unit
# tests, the others against the short tests of t/ that concern them.  It is
# killed when a test fails or hangs, or when it does not compile.  --only chooses
# among the titles, "FILE:LINE: …", that --list and a run print.
#
# Survivors that make no difference, and why, are in t/mutate/explained; any
# other makes this fail.  --minutes bounds the run: the order is shuffled by the
# seed, so that several short runs see different mutants.  So many jobs share the
# work, each in a directory of its own: tests on a server mostly wait.

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use Getopt::Long qw(GetOptions);
use IO::Handle;
use List::Util qw(shuffle);
use POSIX ();

use lib dirname(abs_path(__FILE__));
use Mutant;
use Trial;

my ($minutes, $seed, $only, $jobs, $list) = (60, time, '', 4, 0);
GetOptions('minutes=f' => \$minutes, 'seed=i' => \$seed, 'only=s' => \$only,
           'jobs=i' => \$jobs, 'list' => \$list) or exit 2;

my $top = abs_path(dirname(abs_path(__FILE__)) . '/../..');
chdir $top or die "$top: $!";
$| = 1;

my $src = 'ngx_http_totp_module';
my @files = (glob("$src/pure/*.c"),
             map({ "$src/portal/ngx_http_totp_$_.c" } qw(gate session)),
             glob("$src/store/lua/*.lua"));

my %explained = explained("$top/t/mutate/explained");
my @mutants = grep { $_->title =~ /$only/ } map { Mutant->all_of($_) } @files;

if ($list) {
    print $_->title, "\n" for @mutants;
    printf "# %d mutants in %d files\n", scalar @mutants, scalar @files;
    exit;
}

print "# seed $seed, ", scalar @mutants, " mutants in ", scalar @files, " files\n";
srand $seed;

make_path("$top/build/mutate");
open my $lock, '>', "$top/build/mutate/lock" or die "lock: $!";
flock $lock, LOCK_EX | LOCK_NB or die "another run is under way\n";

my (%made, %killed, @survivors);
my ($done, $without) = (0, 0);

my @order = shuffle @mutants;
my @trials = map { Trial->new($top, "$top/build/mutate/$_") } 1 .. $jobs;

$trials[0]->check or die "# the tests fail without any mutant\n";
$_->like($trials[0]) for @trials[1 .. $#trials];

my $end = time + 60 * $minutes;

# Every job has each $jobs-th mutant, and says "NUMBER WHAT KILLED IT" of each.

pipe my $read, my $write or die "pipe: $!";
my @children;

for my $job (0 .. $jobs - 1) {
    my $pid = fork;
    die "fork: $!" if !defined $pid;

    if (!$pid) {
        close $read;
        $write->autoflush(1);

        for (my $i = $job; $i < @order && time < $end; $i += $jobs) {
            printf $write "%d %s\n", $i, $trials[$job]->run($order[$i]) || '';
        }

        POSIX::_exit(0);
    }

    push @children, $pid;
}

close $write;

while (my $said = <$read>) {
    my ($i, $by) = $said =~ /\A(\d+) (.*)$/ or die "a job said: $said";
    my $m = $order[$i];

    $made{ $m->file }++;

    if ($by) {
        $killed{ $m->file }++;

    } elsif (defined(my $why = $explained{ $m->key })) {
        $without++;
        print "explained: ", $m->title, " ($why)\n";

    } else {
        push @survivors, $m;
        print "survived: ", $m->title, "\n";
    }

    printf "# %d of %d\n", $done, scalar @mutants if ++$done % 25 == 0;
}

for (@children) {
    waitpid $_, 0;
    die "a job failed\n" if $?;
}

my ($made, $killed) = (0, 0);

printf "# %-50s %6s %6s\n", 'file', 'made', 'killed';
for (sort keys %made) {
    printf "# %-50s %6d %6d\n", $_, $made{$_}, $killed{$_} || 0;
    $made += $made{$_};
    $killed += $killed{$_} || 0;
}
printf "# %d of %d mutants made, %d killed, %d explained, %d survived\n", $made,
    scalar @mutants, $killed, $without, scalar @survivors;

exit(@survivors ? 1 : 0);


# Lines "FILE | LINE OF CODE | CHANGE | REASON", as a mutant's key says.

sub explained {
    my ($path) = @_;
    my %e;

    open my $fh, '<', $path or die "$path: $!";
    while (<$fh>) {
        chomp;
        next if /\A\s*(?:#|\z)/;
        my @part = split /\s+\|\s+/;
        die "$path:$.: not four parts\n" unless @part == 4;
        $e{ join ' | ', @part[0 .. 2] } = $part[3];
    }

    return %e;
}
