package Totp::Redis;

# A private redis-server in the test's directory, and a client of a few lines.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

use Totp::Util;


# dir, appendonly (yes|no), tcp (true: also a port), args (more of the command
# line, e.g. --user ...)

sub new {
    my ($class, %o) = @_;

    my $dir = "$o{dir}/redis";
    mkdir $dir or die "$dir: $!";

    return bless {
        dir => $dir, socket => "$dir/redis.sock", owner => $$,
        appendonly => $o{appendonly} || 'no', args => $o{args} || [],
        port => ($o{tcp} ? free_port() : 0),
    }, $class;
}


sub start {
    my ($self) = @_;

    return $self if $self->{pid};

    my $bin = tool('redis-server');
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{dir}/redis.log";
        open STDERR, '>&', \*STDOUT;
        { exec $bin, '--port', $self->{port}, '--bind', '127.0.0.1',
            '--unixsocket', $self->{socket}, '--unixsocketperm', '777',
            '--dir', $self->{dir}, '--save', '',
            '--appendonly', $self->{appendonly}, '--appendfsync', 'always',
            '--maxmemory-policy', 'noeviction', '--daemonize', 'no',
            @{ $self->{args} } }
        POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    wait_until(sub {
        my $r = eval { $self->cmd('PING') };
        return defined $r && $r =~ /PONG|NOAUTH/;
    }, 10) or die "redis-server did not start: "
                  . substr(slurp("$self->{dir}/redis.log"), -2000);

    return $self;
}


# SIGKILL, as a machine that vanishes; the append-only file is kept.

sub kill_hard { my ($self) = @_; return $self->end('KILL') }

sub stop { my ($self) = @_; return $self->end('TERM') }

sub end {
    my ($self, $sig) = @_;

    my $pid = delete $self->{pid} or return;

    delete $self->{sock};
    kill 'CONT', $pid;
    kill $sig, $pid;
    wait_until(sub { waitpid($pid, POSIX::WNOHANG()) != 0 }, 10)
        or do { kill 'KILL', $pid; waitpid $pid, 0 };
    unlink $self->{socket};

    return;
}


# A server that accepts and says nothing more.

sub freeze { my ($self) = @_; kill 'STOP', $self->{pid}; return }

sub thaw { my ($self) = @_; kill 'CONT', $self->{pid}; return }


sub cmd {
    my ($self, @args) = @_;

    my $s = $self->{sock};

    if (!$s) {
        $s = IO::Socket::UNIX->new(Peer => $self->{socket},
                                   Timeout => seconds(2))
            or die "redis: $!";
        $self->{sock} = $s;
        $self->{buf} = '';
    }

    local $SIG{PIPE} = 'IGNORE';
    my $out = '*' . @args . "\r\n"
        . join '', map { '$' . length($_) . "\r\n$_\r\n" } @args;
    my $n = syswrite $s, $out;
    if (!defined $n || $n != length $out) {
        delete $self->{sock};
        die "redis: write";
    }

    return $self->reply;
}


sub line {
    my ($self) = @_;

    until ($self->{buf} =~ /\r\n/) { $self->more }
    $self->{buf} =~ s/\A(.*?)\r\n//s;

    return $1;
}


sub more {
    my ($self) = @_;

    my $n = sysread $self->{sock}, $self->{buf}, 65536, length $self->{buf};
    if (!$n) {
        delete $self->{sock};
        die 'redis: closed';
    }

    return;
}


# Errors come back as text that begins with their word, such as "WRONGTYPE".

sub reply {
    my ($self) = @_;

    my $line = $self->line;
    my ($type, $rest) = $line =~ /\A(.)(.*)\z/s;

    return $rest if $type eq '+' || $type eq '-' || $type eq ':';

    if ($type eq '$') {
        return if $rest < 0;
        while (length $self->{buf} < $rest + 2) { $self->more }
        my $v = substr $self->{buf}, 0, $rest + 2, '';
        return substr $v, 0, $rest;
    }

    return if $rest < 0;

    return [ map { scalar $self->reply } 1 .. $rest ];
}


# A number that is to become another: what a refusal or a success takes back,
# Redis has done a moment after the answer.  Gives what it is in the end.

sub settle {
    my ($self, $key, $n) = @_;

    wait_until(sub { ($self->cmd('GET', $key) || 0) == $n }, 5);

    return $self->cmd('GET', $key) || 0;
}


sub keys {
    my ($self, $pattern) = @_;

    return sort @{ $self->cmd('KEYS', defined $pattern ? $pattern : '*') };
}


# Every key of every database with all that is in it, as text.

sub dump {
    my ($self) = @_;

    my $out = '';
    my $space = $self->cmd('INFO', 'keyspace');

    for my $db ($space =~ /^db(\d+):/mg) {
        $self->cmd('SELECT', $db);
        for my $key ($self->keys) {
            my $type = $self->cmd('TYPE', $key);
            my $v = $type eq 'string' ? $self->cmd('GET', $key)
                  : $type eq 'hash'   ? $self->cmd('HGETALL', $key)
                  : $type eq 'list'   ? $self->cmd('LRANGE', $key, 0, -1)
                  : $type eq 'set'    ? $self->cmd('SMEMBERS', $key)
                  : $type eq 'zset'   ? $self->cmd('ZRANGE', $key, 0, -1,
                                                   'WITHSCORES')
                  : $type eq 'stream' ? $self->cmd('XRANGE', $key, '-', '+')
                  :                     '';
            $out .= "db$db $type $key\n" . flat($v) . "\n";
        }
    }
    $self->cmd('SELECT', 0);

    return $out;
}


sub flat {
    my ($v) = @_;

    return ref $v ? join ' ', map { flat($_) } @$v : defined $v ? $v : '';
}


# Everything that Redis is told, from now on, goes to a file.

sub monitor {
    my ($self) = @_;

    my $file = "$self->{dir}/monitor.log";
    my $s = IO::Socket::UNIX->new(Peer => $self->{socket})
        or die "redis: $!";
    unlink $file;       # one from before has a beginning, too

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open my $fh, '>:raw', $file or POSIX::_exit(1);
        $fh->autoflush(1);
        syswrite $s, "MONITOR\r\n";
        while (sysread $s, my $buf, 65536) { print {$fh} $buf }
        POSIX::_exit(0);
    }

    close $s;
    $self->{monitor} = $pid;
    $self->{monitor_file} = $file;
    wait_until(sub { -s $file }, 5) or die 'MONITOR did not begin';

    return $file;
}


sub monitor_end {
    my ($self) = @_;

    my $pid = delete $self->{monitor} or return '';

    kill 'TERM', $pid;
    waitpid $pid, 0;

    return slurp($self->{monitor_file});
}


# Clients other than this object and the MONITOR.

sub clients {
    my ($self) = @_;

    my $list = $self->cmd('CLIENT', 'LIST');

    return grep { !/cmd=client\|list|cmd=monitor/ } split /\n/, $list;
}


sub count {
    my ($self, $command) = @_;

    my $stats = $self->cmd('INFO', 'commandstats');

    return $stats =~ /^cmdstat_\Q$command\E:calls=(\d+)/mi ? $1 : 0;
}


# How many there were in all, but for what a node says at rest: its feed asks
# once a second, and its connections are looked at.

sub commands {
    my ($self) = @_;

    my $n = 0;
    my $stats = $self->cmd('INFO', 'commandstats');

    while ($stats =~ /^cmdstat_([^:]+):calls=(\d+)/mg) {
        $n += $2 if $1 !~ /\A(?:xread|time|ping|info)\z/;
    }

    return $n;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};
    local ($?, $!, $@);
    $self->monitor_end;
    $self->stop;

    return;
}


1;
