package Bench::Callgrind;

# User instructions a request, counted by callgrind: one process without a
# master, warmed up, and the difference that 1000 requests on one connection
# make.  The same figure comes again to a few in a thousand, whatever else the
# machine does; but valgrind hides the processor's SHA instructions, so that a
# hash looks several times dearer than it is.

use strict;
use warnings;

use POSIX ();

use Totp::Util;


# site, name, conf (arguments of Bench::Site::conf)

sub new {
    my ($class, %o) = @_;

    my $site = $o{site};
    my $main = join ' ', $o{conf}{main} || (),
                    'daemon off; master_process off;';
    my $node = $site->node("callgrind-$o{name}", %{ $o{conf} }, alone => 1,
                           main => $main);
    my $self = bless { node => $node, dir => $node->{prefix} }, $class;

    my @cmd = ('setarch', '-R', tool('valgrind'), '--tool=callgrind',
               '--callgrind-out-file=callgrind.out', '--log-file=valgrind.log',
               @{ $o{options} || [] },
               Totp::Nginx::binary(), '-p', $self->{dir}, '-c', $node->{file},
               '-e', "$self->{dir}/error.log");

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/stderr.log";
        open STDERR, '>&', \*STDOUT;
        chdir $self->{dir};
        { exec @cmd }
        POSIX::_exit(127);
    }

    $node->{pid} = $self->{pid} = $pid;

    return $self;
}


sub port { return $_[0]{node}->port }


sub control {
    my ($self, @args) = @_;

    system('callgrind_control', @args, $self->{pid}) == 0
        or die "callgrind_control @args failed\n";

    return;
}


# Instructions of one request, from what was dumped after $n of them.

sub count {
    my ($self, $load, $n) = @_;

    $load->($self->port, $n < 200 ? $n : 200);  # warm
    unlink glob "$self->{dir}/callgrind.out*";
    $self->quietly('-z');
    $load->($self->port, $n);
    $self->quietly('-d');

    my ($file) = sort glob "$self->{dir}/callgrind.out*";
    die "callgrind has dumped nothing\n" unless $file;
    $self->{last} = $file;

    return $1 / $n if slurp($file) =~ /^(?:summary|totals):\s+(\d+)/m;
    die "no summary in $file\n";
}


sub quietly {
    my ($self, @args) = @_;

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDOUT, '>>', "$self->{dir}/control.log";
        open STDERR, '>&', \*STDOUT;
        { exec 'callgrind_control', @args, $self->{pid} }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;
    die "callgrind_control @args failed\n" if $?;

    return;
}


sub stop {
    my ($self) = @_;

    # a signal may be lost under valgrind

    wait_until(sub {
        kill 'QUIT', $self->{pid};
        return waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
    }, 20, 0.5) or do { kill 'KILL', $self->{pid}; waitpid $self->{pid}, 0 };

    delete $self->{node}{pid};

    return;
}


1;
