package Bench::Cpu;

# Processor time of a worker for a request, by the kernel's own count of what
# the process ran: nanoseconds, whoever else works on the machine.  What is
# compared takes turns, and the ratio is made turn by turn.

use strict;
use warnings;

use Bench::Site;
use Bench::Table;
use Bench::Variants;
use Totp::Util;


# ns that the workers of a node have run so far, their threads left out

sub ran {
    my ($node) = @_;

    my $sum = 0;
    $sum += process($_) for $node->workers;

    return $sum;
}


sub process {
    my ($pid) = @_;

    return slurp("/proc/$pid/schedstat") =~ /\A(\d+)/ ? $1 : 0;
}


# One measurement: ns a request.  proto: h1 or h2.

sub measure {
    my ($node, $proto, $uri, $headers, $calls) = @_;

    my @h = @$headers;
    my @args;
    while (@h) {
        my ($name, $value) = splice @h, 0, 2;
        push @args, '-H', "$name: $value";
    }

    my $port = $node->port($proto eq 'h2' ? 'h2' : undef);
    my $clients = $calls < 8 ? $calls : 8;
    my @cmd = (Bench::Site::pinned(), tool('h2load'), '-n', $calls,
               '-c', $clients, '-t', 1,
               ($proto eq 'h1' ? '--h1' : ('-m', 4)),
               @args, "http://127.0.0.1:$port$uri");

    my $before = ran($node);
    my $out = Bench::Site::output(@cmd);
    my $ran = ran($node) - $before;

    my ($good) = $out =~ /status codes: (\d+) 2xx/;
    die "h2load: not $calls times 200 for $uri:\n$out\n"
        if !defined $good || $good != $calls;

    return $ran / $calls;
}


# The median ratio of a variant to no protection, the same request, and the
# median of the latter in us.

sub ratio {
    my ($bare, $v, $proto, $thing, $rounds, $calls) = @_;

    my $uri = Bench::Variants::uri($v, $thing);
    my $twin = Bench::Variants::uri($v, $thing, 'bare');
    my (@ratio, @bare);

    for (0 .. $rounds) {
        my $n = $v->{calls} || $calls;
        my $b = measure($bare, $proto, $twin, $v->{headers}, $calls);
        my $a = measure($v->{node}, $proto, $uri, $v->{headers}, $n);
        next if $_ == 0;                        # warm
        push @ratio, $a / $b;
        push @bare, $b;
    }

    return (median(@ratio), median(@bare) / 1000);
}


1;
