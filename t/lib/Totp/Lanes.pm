package Totp::Lanes;

# Parts of a test that mostly wait, side by side: each in a process of its own,
# with its own nginx.  What they report is repeated by the test itself, one lane
# after the other.

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Test::More ();

use Totp::FakeRedis;
use Totp::Util;

our @EXPORT = qw(lane_node lanes);


# A node with a scripted Redis of its own in front of the rig's.  One worker, so
# that a visitor meets the connection that a fault was meant for.  %conf as for
# the rig; redis => more of the totp_redis line, workers => n.

sub lane_node {
    my ($rig, $i, %conf) = @_;

    my $dir = $rig->dir . "/fake$i";
    mkdir $dir or die "$dir: $!";

    my $more = delete $conf{redis} || '';
    my $workers = delete $conf{workers} || 1;
    my $fake = Totp::FakeRedis->new(dir => $dir,
                                    upstream => $rig->redis->{socket});
    my $node = $rig->add_node("n$i", %conf, defaults => {
        redis => 'totp_redis ' . $fake->address . "$more;" });

    $node->{conf} =~ s/^worker_processes \d+;/worker_processes $workers;/m;
    $node->configure;
    $node->start;

    return ($node, $fake);
}


# lanes(name => code, ...): the code may call everything of Test::More but a
# plan; $rig's connection to Redis is made anew in each.

sub lanes {
    my ($rig, @jobs) = @_;

    my @lanes;

    while (@jobs) {
        my ($name, $code) = splice @jobs, 0, 2;

        my $file = $rig->dir . '/lane' . @lanes;
        my $pid = fork;
        die "fork: $!" unless defined $pid;

        if (!$pid) {
            delete $rig->redis->{sock};
            POSIX::_exit(run($file, $code));
        }

        push @lanes, { name => $name, pid => $pid, file => $file };
    }

    for my $lane (@lanes) { repeat($lane) }

    return;
}


sub run {
    my ($file, $code) = @_;

    my $tap = Test::More->builder;

    open my $write, '>', $file or die "$file: $!";
    $write->autoflush(1);
    $tap->output($write);
    $tap->failure_output($write);

    return 0 if eval { $code->(); 1 };

    print {$write} map { "# $_\n" } split /\n/, "$@";

    return 1;
}


sub repeat {
    my ($lane) = @_;

    waitpid $lane->{pid}, 0;

    my $status = $?;

    for my $line (split /\n/, slurp($lane->{file})) {
        if ($line =~ /\A(not )?ok \d+(?: - (.*))?\Z/) {
            Test::More::ok(!$1, "$lane->{name}: $2");
        } elsif ($line =~ /\A\s*#\s?(.*)/) {
            Test::More::diag($1);
        }
    }

    Test::More::is($status, 0, "$lane->{name}: came to its end");

    return;
}


1;
