package Bench::Syscalls;

# System calls of a worker for a request, counted by strace over many of them
# on one connection; what the worker does by its clock alone goes under.

use strict;
use warnings;

use POSIX ();

use Bench::Load;
use Totp::Util;


sub count {
    my ($node, $raw, $n) = @_;

    my ($worker) = $node->workers;
    my $file = "$node->{prefix}/strace";

    Bench::Load::requests($node->port, 50, $raw, 200);

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDERR, '>', "$file.log";
        { exec tool('strace'), '-f', '-c', '-o', $file, '-p', $worker }
        POSIX::_exit(127);
    }

    my $traced = wait_until(sub {
        slurp("/proc/$worker/status") =~ /^TracerPid:\s+[1-9]/m;
    }, 5);

    Bench::Load::requests($node->port, $n, $raw, 200) if $traced;

    kill 'INT', $pid;
    waitpid $pid, 0;

    return unless $traced;

    my ($calls) = slurp($file) =~ /^\s*100\.00\s+\S+\s+\S*\s+(\d+)\s.*total$/m;

    return defined $calls ? $calls / $n : undef;
}


1;
