package Totp::Nginx;

# One nginx node in a prefix directory of its own: two workers, free loopback
# ports, the module of TOTP_MODULE and the nginx of TOTP_NGINX.  Placeholders
# of a configuration: %PORT% and %PORT_name% (free ports of this node), %APP%,
# %DIR% (of the test), %PREFIX% (of the node).

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use POSIX ();

use Totp::Util;


# name, rig, conf (the text with placeholders)

sub new {
    my ($class, %o) = @_;

    my $self = bless { ports => {}, owner => $$, %o }, $class;
    $self->{prefix} = "$o{rig}{dir}/$o{name}";
    mkdir $self->{prefix};
    mkdir "$self->{prefix}/logs";
    $self->{file} = "$self->{prefix}/nginx.conf";
    $self->configure($o{conf});

    return $self;
}


sub module {
    my $path = $ENV{TOTP_MODULE} || 'build/ngx_http_totp_module.so';

    return $path if $path =~ m{\A/};
    return Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..')
           . "/$path";
}


sub binary {
    my $path = find_program($ENV{TOTP_NGINX} || 'nginx');
    die "nginx was not found: set TOTP_NGINX\n" unless $path;
    return $path;
}


sub configure {
    my ($self, $conf) = @_;

    $self->{conf} = $conf if defined $conf;
    my $text = $self->expand($self->{conf});
    spew($self->{file}, $text);

    return $text;
}


sub expand {
    my ($self, $text) = @_;

    my $dir = $self->{rig}{dir};
    my $app = $self->{rig}{app} ? $self->{rig}{app}->address : '127.0.0.1:9';

    $text =~ s/%PORT(?:_(\w+?))?%/$self->port($1)/ge;
    $text =~ s/%APP%/$app/g;
    $text =~ s/%DIR%/$dir/g;
    $text =~ s/%PREFIX%/$self->{prefix}/g;

    return $text;
}


sub port {
    my ($self, $name) = @_;

    return $self->{ports}{ defined $name ? $name : '' } ||= free_port();
}


# nginx -t: exit status and what it said.

sub check {
    my ($self) = @_;

    my $out = "$self->{prefix}/check.log";
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        { exec binary(), '-t', '-p', $self->{prefix}, '-c', $self->{file},
               '-e', 'stderr' }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return ($? >> 8 || $? & 127, slurp($out));
}


sub start {
    my ($self) = @_;

    my @cmd = (binary(), '-p', $self->{prefix}, '-c', $self->{file},
               '-e', "$self->{prefix}/error.log", '-g', 'daemon off;');

    if ($ENV{TOTP_WRAP}) {
        my $wrap = $ENV{TOTP_WRAP};
        $wrap =~ s/%PREFIX%/$self->{prefix}/g;
        unshift @cmd, split ' ', $wrap;
    }

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{prefix}/stderr.log";
        open STDERR, '>&', \*STDOUT;
        chdir $self->{prefix};
        { exec @cmd }
        POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    delete $self->{status};

    wait_until(sub {
        return 1 if waitpid($pid, POSIX::WNOHANG()) == $pid
                    && defined($self->{status} = $?);
        return -s "$self->{prefix}/nginx.pid" && $self->workers >= $self->want;
    }, 15);

    if (defined $self->{status}) {
        delete $self->{pid};
        die "nginx did not start:\n" . slurp("$self->{prefix}/stderr.log")
            . substr($self->error_log, -4000) . "\n";
    }

    # Under valgrind a worker is slow to its first look at Redis.
    sleep 6 if $ENV{TOTP_WRAP};

    return $self;
}


sub want {
    my ($self) = @_;

    return $self->{conf} =~ /worker_processes\s+(\d+)/ ? $1 : 1;
}


sub error_log { my ($self) = @_; return slurp("$self->{prefix}/error.log") }

sub access_log { my ($self) = @_; return slurp("$self->{prefix}/access.log") }


# What the error log says from here on: mark it, then look.

sub mark { my ($self) = @_;
    $self->{mark} = -s "$self->{prefix}/error.log" || 0; return }

sub since { my ($self) = @_; return substr $self->error_log, $self->{mark} || 0 }


# Children of the master that are still alive.

sub workers {
    my ($self) = @_;

    return unless $self->{pid};

    my @pids;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = slurp($stat);
        my ($pid, $state, $parent) = $text =~ /\A(\d+) \(.*\) (\S) (\d+)/s
            or next;
        push @pids, $pid if $parent == $self->{pid} && $state ne 'Z';
    }

    @pids = sort { $a <=> $b } @pids;

    return @pids;
}


# Open descriptors of all workers together.

sub descriptors {
    my ($self) = @_;

    my $n = 0;

    for my $pid ($self->workers) {
        my @fd = glob "/proc/$pid/fd/*";
        $n += @fd;
    }

    return $n;
}


# kB of resident memory, all workers together.

sub memory {
    my ($self) = @_;

    my $kb = 0;

    for my $pid ($self->workers) {
        $kb += $1 if slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    }

    return $kb;
}


sub signal { my ($self, $sig) = @_; kill $sig, $self->{pid}; return }


# SIGHUP, and waits until new workers run and the old ones have gone; false if
# that does not happen.

sub reload {
    my ($self, %o) = @_;

    my %old = map { ($_ => 1) } $self->workers;

    $self->signal('HUP');

    return wait_until(sub {
        my @now = $self->workers;
        my @new = grep { !$old{$_} } @now;
        return @new >= $self->want && ($o{no_wait} || @new == @now);
    }, $o{timeout} || 15);
}


# SIGQUIT; true if nginx has gone within ten seconds.

sub quit {
    my ($self, $timeout) = @_;

    my $pid = $self->{pid} or return 1;
    my $sent = 0;

    my $gone = wait_until(sub {
        if (!$sent || ($ENV{TOTP_WRAP} && now() - $sent > 1)) {
            kill 'QUIT', $pid;
            $sent = now();
        }
        return waitpid($pid, POSIX::WNOHANG()) == $pid
               && defined($self->{status} = $?);
    }, $timeout || 10);

    delete $self->{pid} if $gone;

    return $gone;
}


sub kill_hard {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    $self->{pid} = $pid;
    my @workers = $self->workers;
    delete $self->{pid};
    kill 'KILL', $pid, @workers;
    waitpid $pid, 0;

    return;
}


# Everything in the logs that no test may leave behind, line by line.

sub complaints {
    my ($self, @allow) = @_;

    my $log = $self->error_log . slurp("$self->{prefix}/stderr.log");
    my @bad;

    for my $line (split /\n/, $log) {
        next unless $line =~ /\[(?:alert|crit|emerg)\]
            |open\ socket|header\ already\ sent|AddressSanitizer
            |LeakSanitizer|UndefinedBehavior|runtime\ error:
            |http\ request\ count\ is\ zero|exited\ on\ signal/x;
        next if grep { $line =~ $_ } @allow;
        push @bad, $line;
    }

    while ($log =~ /^(.*process \d+ exited with code ([1-9]\d*).*)$/mg) {
        push @bad, $1;
    }

    for my $file (glob "$self->{prefix}/valgrind.*") {
        my $text = slurp($file);
        while ($text =~ /^(.*ERROR SUMMARY: [1-9].*)$/mg) {
            push @bad, "$file: $1";
        }
    }

    push @bad, map { "core file $_" } glob "$self->{prefix}/core*";

    return @bad;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};
    local ($?, $!, $@);
    $self->kill_hard;

    return;
}


1;
