package Totp::FakeRedis;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket ();
use Storable ();

use Totp::Util;

our @EXPORT = qw(r_status r_error r_integer r_nil r_nil_array r_raw r_nested);


# Values: a plain string is a bulk string, an array reference an array, undef
# is nil; for the rest these.

sub r_status    { return bless [ "+$_[0]\r\n" ], 'Totp::FakeRedis::Bytes' }
sub r_error     { return bless [ "-$_[0]\r\n" ], 'Totp::FakeRedis::Bytes' }
sub r_integer   { return bless [ ":$_[0]\r\n" ], 'Totp::FakeRedis::Bytes' }
sub r_nil       { return bless [ "\$-1\r\n" ], 'Totp::FakeRedis::Bytes' }
sub r_nil_array { return bless [ "*-1\r\n" ], 'Totp::FakeRedis::Bytes' }
sub r_raw       { return bless [ $_[0] ], 'Totp::FakeRedis::Bytes' }

sub r_nested { my ($depth) = @_; return r_raw(("*1\r\n" x $depth) . ":1\r\n") }


sub encode {
    my ($v) = @_;

    return "\$-1\r\n" unless defined $v;
    return $v->[0] if ref $v eq 'Totp::FakeRedis::Bytes';
    return '*' . @$v . "\r\n" . join '', map { encode($_) } @$v
        if ref $v eq 'ARRAY';

    return '$' . length($v) . "\r\n$v\r\n";
}


# THE TEST'S SIDE

sub new {
    my ($class, %o) = @_;

    my $self = bless { owner => $$, %o }, $class;
    die 'dir or tcp is needed' unless $o{dir} || $o{tcp};

    $self->{socket} = "$o{dir}/fake.sock" if !$o{tcp};
    $self->{port} = $o{port} || free_port() if $o{tcp};

    return $self->start;
}


sub address {
    my ($self) = @_;

    return $self->{port} ? "127.0.0.1:$self->{port}" : "unix:$self->{socket}";
}


sub start {
    my ($self) = @_;

    return $self if $self->{pid};

    my $listen;
    if ($self->{port}) {
        $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => $self->{port}, Proto => 'tcp', Listen => 511,
            ReuseAddr => 1);
    } else {
        unlink $self->{socket};
        $listen = IO::Socket::UNIX->new(Local => $self->{socket},
                                        Listen => 511);
        chmod 0777, $self->{socket};
    }
    die $self->address . ": $!" unless $listen;

    socketpair my $mine, my $its, Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0
        or die "socketpair: $!";

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        close $mine;
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = $SIG{INT} = 'DEFAULT';
        eval { Totp::FakeRedis::Server->new($listen, $its,
                                            $self->{upstream})->loop };
        warn $@ if $@;
        POSIX::_exit($@ ? 1 : 0);
    }

    close $its;
    close $listen;
    @$self{qw(pid control)} = ($pid, $mine);

    return $self;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    close delete $self->{control};
    kill 'KILL', $pid;
    waitpid $pid, 0;
    unlink $self->{socket} if $self->{socket};

    return;
}


# One question to the server, one answer.

sub ask {
    my ($self, @what) = @_;

    die 'the fake Redis is not running' unless $self->{pid};
    Totp::FakeRedis::Frame::write($self->{control}, \@what);
    my $answer = Totp::FakeRedis::Frame::read($self->{control})
        or die 'the fake Redis has died';

    return @$answer;
}


sub rule {
    my ($self, $match, %o) = @_;

    $match = { re => "$match" } if ref $match eq 'Regexp';
    $o{bytes} = encode(delete $o{reply}) if exists $o{reply};

    my %known = map { ($_ => 1) } qw(bytes mark execute times skip past delay
                                     swap split pause half stall close extra);
    for (keys %o) { die "no such option of a rule: $_" unless $known{$_} }

    $self->ask('rule', $match, \%o);

    return $self;
}


sub clear { my ($self) = @_; $self->ask('clear'); return $self }

sub greet { my ($self, $bytes) = @_; $self->ask('greet', $bytes); return $self }

sub refuse { my ($self, $on) = @_; $self->ask('refuse', $on); return $self }

sub kick { my ($self) = @_; return ($self->ask('kick'))[0] }

sub push_bytes { my ($self, $bytes) = @_;
    $self->ask('push', $bytes); return $self }

sub commands { my ($self) = @_; return $self->ask('commands') }

sub forget { my ($self) = @_; $self->ask('forget'); return $self }

sub hits { my ($self) = @_; return ($self->ask('hits'))[0] }

sub connections { my ($self) = @_; return ($self->ask('connections'))[0] }

sub accepted { my ($self) = @_; return ($self->ask('accepted'))[0] }


sub count {
    my ($self, $name) = @_;

    return scalar grep { uc $_->[0] eq uc $name } $self->commands;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};
    local ($?, $!, $@);
    $self->stop;

    return;
}


package Totp::FakeRedis::Frame;

# A frozen list with its length, between the test and the server.

sub write {
    my ($fh, $list) = @_;

    my $data = Storable::freeze($list);
    my $out = pack('N', length $data) . $data;

    while (length $out) {
        my $n = syswrite $fh, $out;
        return if !defined $n;
        substr $out, 0, $n, '';
    }

    return 1;
}


sub read {
    my ($fh) = @_;

    my $head = exact($fh, 4);
    return unless defined $head;
    my $data = exact($fh, unpack 'N', $head);

    return defined $data ? Storable::thaw($data) : undef;
}


sub exact {
    my ($fh, $want) = @_;

    my $buf = '';

    while (length $buf < $want) {
        my $n = sysread $fh, $buf, $want - length $buf, length $buf;
        return if !$n;
    }

    return $buf;
}


package Totp::FakeRedis::Server;

use Totp::Util;


sub new {
    my ($class, $listen, $control, $upstream) = @_;

    return bless { listen => $listen, control => $control,
        upstream => $upstream, rules => [], clients => {}, by_upstream => {},
        log => [], accepted => 0, select => IO::Select->new($listen, $control),
    }, $class;
}


sub loop {
    my ($self) = @_;

    while (1) {
        for my $fh ($self->{select}->can_read($self->wait_time)) {
            if ($fh == $self->{listen}) {
                $self->accept_client;
                next;
            }

            if ($fh == $self->{control}) {
                $self->obey or return;
                next;
            }

            # one that was dropped a moment ago has no number any more

            my $no = fileno $fh;
            next unless defined $no;

            if (my $c = $self->{clients}{$no}) {
                $self->read_client($c);
            } elsif (my $u = $self->{by_upstream}{$no}) {
                $self->read_upstream($u);
            }
        }

        for my $c (values %{ $self->{clients} }) { $self->advance($c) }
    }
}


sub wait_time {
    my ($self) = @_;

    my $min;

    for my $c (values %{ $self->{clients} }) {
        my $slot = $c->{slots}[0] or next;
        my $at = $slot->{at} or next;
        $min = $at if !defined $min || $at < $min;
    }

    return unless defined $min;

    my $left = $min - now();

    return $left > 0 ? $left : 0;
}


sub obey {
    my ($self) = @_;

    my $frame = Totp::FakeRedis::Frame::read($self->{control}) or return;
    my ($verb, @args) = @$frame;
    my @answer;

    if ($verb eq 'rule') {
        my ($match, $o) = @args;
        my $re = ref $match ? qr/$match->{re}/ : undef;
        push @{ $self->{rules} }, { %$o, re => $re, name => uc $match };

    } elsif ($verb eq 'clear') {
        $self->{rules} = [];
        $self->{hits} = 0;
        delete @$self{qw(greet refuse)};

    } elsif ($verb eq 'greet') {
        $self->{greet} = $args[0];

    } elsif ($verb eq 'refuse') {
        $self->{refuse} = $args[0];

    } elsif ($verb eq 'kick') {
        my @all = values %{ $self->{clients} };
        for my $c (@all) { $self->drop($c) }
        @answer = scalar @all;

    } elsif ($verb eq 'push') {
        for my $c (values %{ $self->{clients} }) { $self->put($c, $args[0]) }

    } elsif ($verb eq 'commands') {
        @answer = @{ $self->{log} };

    } elsif ($verb eq 'forget') {
        $self->{log} = [];

    } elsif ($verb eq 'hits') {
        @answer = $self->{hits} || 0;

    } elsif ($verb eq 'connections') {
        @answer = scalar keys %{ $self->{clients} };

    } elsif ($verb eq 'accepted') {
        @answer = $self->{accepted};
    }

    return Totp::FakeRedis::Frame::write($self->{control}, \@answer);
}


sub accept_client {
    my ($self) = @_;

    my $fh = $self->{listen}->accept or return;

    $self->{accepted}++;

    if ($self->{refuse}) {
        close $fh;
        return;
    }

    my $c = { fh => $fh, in => '', slots => [], id => $self->{accepted} };
    $self->{clients}{ fileno $fh } = $c;
    $self->{select}->add($fh);

    $self->put($c, $self->{greet}) if defined $self->{greet};

    return;
}


sub drop {
    my ($self, $c) = @_;

    return if $c->{gone}++;

    for my $fh (grep { $_ } @$c{qw(fh up)}) {
        $self->{select}->remove($fh);
        delete $self->{clients}{ fileno $fh };
        delete $self->{by_upstream}{ fileno $fh };
        close $fh;
    }

    return;
}


sub put {
    my ($self, $c, $bytes) = @_;

    while (length $bytes && !$c->{gone}) {
        my $n = syswrite $c->{fh}, $bytes;
        if (!defined $n) {
            $self->drop($c);
            return;
        }
        substr $bytes, 0, $n, '';
    }

    return;
}


sub read_client {
    my ($self, $c) = @_;

    my $n = sysread $c->{fh}, $c->{in}, 65536, length $c->{in};

    if (!$n) {
        $self->drop($c);
        return;
    }

    while (my $argv = take_command(\$c->{in})) {
        push @{ $self->{log} }, $argv;
        push @{ $c->{slots} }, $self->slot($c, $argv);
        $c->{commands}++;
    }

    return;
}


sub take_command {
    my ($in) = @_;

    $$in =~ /\A\*(\d+)\r\n/g or return;

    my ($n, $pos, @argv) = ($1, pos $$in);

    for (1 .. $n) {
        pos($$in) = $pos;
        $$in =~ /\G\$(\d+)\r\n/g or return;
        my ($len, $at) = ($1, pos $$in);
        return if length $$in < $at + $len + 2;
        push @argv, substr $$in, $at, $len;
        $pos = $at + $len + 2;
    }

    substr $$in, 0, $pos, '';

    return \@argv;
}


# What will be done about a command, in its turn.

sub slot {
    my ($self, $c, $argv) = @_;

    my %rule;

    for (@{ $self->{rules} }) {
        next unless $self->matches($c, $_, $argv);
        %rule = %$_;
        $self->{hits}++;
        last;
    }

    $rule{bytes} = "*2\r\n" . Totp::FakeRedis::encode($argv->[-1])
                   . $rule{bytes} if $rule{mark} && exists $rule{bytes};

    my $rule = \%rule;

    return { %$rule } if exists $rule->{bytes} && !$rule->{execute};
    return { %$rule, forward => 1 } if $self->forward($c, $argv);
    return { %{ plain($argv) }, %$rule };
}


sub matches {
    my ($self, $c, $rule, $argv) = @_;

    return if defined $rule->{times} && $rule->{times} <= 0;
    return if $rule->{past} && ($c->{commands} || 0) < $rule->{past};
    return unless $rule->{re} ? "@$argv" =~ $rule->{re}
                              : $rule->{name} eq '*'
                                || $rule->{name} eq uc $argv->[0];
    return if $rule->{skip} && $rule->{skip}-- > 0;

    $rule->{times}-- if defined $rule->{times};

    return 1;
}


# To the real Redis, where there is one; else what it would say, roughly.

sub forward {
    my ($self, $c, $argv) = @_;

    return unless $self->{upstream};

    if (!$c->{up}) {
        $c->{up} = IO::Socket::UNIX->new(Peer => $self->{upstream}) or return;
        $c->{up_in} = '';
        $self->{by_upstream}{ fileno $c->{up} } = $c;
        $self->{select}->add($c->{up});
    }

    syswrite $c->{up}, Totp::FakeRedis::encode($argv);

    return 1;
}


sub plain {
    my ($argv) = @_;

    my $name = uc $argv->[0];

    if ($name eq 'PING') {
        return { bytes => "+PONG\r\n" };

    } elsif ($name eq 'AUTH' || $name eq 'SELECT') {
        return { bytes => "+OK\r\n" };

    } elsif ($name eq 'TIME') {
        my $t = now();
        return { bytes => Totp::FakeRedis::encode([ int $t,
            int(($t - int $t) * 1e6) ]) };

    } elsif ($name eq 'XRANGE') {
        return { bytes => "*0\r\n" };

    } elsif ($name eq 'XREAD') {
        my ($block) = "@$argv" =~ /\bBLOCK (\d+)/i;
        return { bytes => "*-1\r\n", delay => ($block || 0) / 1000 };

    } elsif ($name eq 'EVALSHA') {
        return { bytes => "-NOSCRIPT No matching script. Please use EVAL.\r\n" };
    }

    return { bytes => "-ERR unknown command '$name'\r\n" };
}


sub read_upstream {
    my ($self, $c) = @_;

    my $n = sysread $c->{up}, $c->{up_in}, 65536, length $c->{up_in};

    if (!$n) {
        $self->drop($c);
        return;
    }

    while (my $len = reply_length($c->{up_in}, 0)) {
        my $bytes = substr $c->{up_in}, 0, $len, '';
        for my $slot (@{ $c->{slots} }) {
            next unless delete $slot->{forward};
            $slot->{bytes} = $bytes unless exists $slot->{bytes};
            last;
        }
    }

    return;
}


# The end of the reply that begins at $pos; 0 where it is not all there.

sub reply_length {
    my ($text, $pos) = @_;

    my $end = index $text, "\r\n", $pos;
    return 0 if $end < 0;

    my $type = substr $text, $pos, 1;
    my $n = substr $text, $pos + 1, $end - $pos - 1;
    $end += 2;

    if ($type eq '$' && $n >= 0) {
        return length $text >= $end + $n + 2 ? $end + $n + 2 : 0;
    }

    if ($type eq '*') {
        for (1 .. $n) {
            $end = reply_length($text, $end) or return 0;
        }
    }

    return $end;
}


# The head of the queue, step by step, as far as time and rules allow.

sub advance {
    my ($self, $c) = @_;

    while (!$c->{gone} && (my $slot = $c->{slots}[0])) {

        return if $slot->{forward};
        return if $slot->{swap} && !swap($c->{slots});

        if ($slot->{delay}) {
            $slot->{at} ||= now() + $slot->{delay};
            return if now() < $slot->{at};
            delete @$slot{qw(at delay)};
        }

        if ($slot->{close} && $slot->{close} eq 'before') {
            $self->drop($c);
            return;
        }

        return if $slot->{stall};

        if (!exists $slot->{parts}) {
            $slot->{parts} = [ parts($slot) ];
        }

        if (@{ $slot->{parts} }) {
            return if $slot->{at} && now() < $slot->{at};
            $self->put($c, shift @{ $slot->{parts} });
            if (@{ $slot->{parts} }) {
                $slot->{at} = now() + (defined $slot->{pause}
                                       ? $slot->{pause} : 0.02);
                return;
            }
        }

        if (defined $slot->{half}
            || ($slot->{close} && $slot->{close} eq 'after'))
        {
            $self->drop($c);
            return;
        }

        shift @{ $c->{slots} };
    }

    return;
}


# The answers of the first two that are to be swapped, once both are there.

sub swap {
    my ($slots) = @_;

    my ($one, $other) = grep { $_->{swap} } @$slots;

    return if !$other || $other->{forward};

    ($one->{bytes}, $other->{bytes}) = ($other->{bytes}, $one->{bytes});
    delete $_->{swap} for $one, $other;

    return 1;
}


sub parts {
    my ($slot) = @_;

    my $bytes = defined $slot->{bytes} ? $slot->{bytes} : '';
    $bytes .= $slot->{extra} if defined $slot->{extra};

    return substr $bytes, 0, $slot->{half} if defined $slot->{half};

    return $bytes unless defined $slot->{split};
    return split //s, $bytes if $slot->{split} eq 'each';
    return $bytes if $slot->{split} >= length $bytes;

    return (substr($bytes, 0, $slot->{split}), substr $bytes, $slot->{split});
}


1;

__END__

=head1 NAME

Totp::FakeRedis - a Redis that answers what a test tells it to

=head1 SYNOPSIS

    use Totp::FakeRedis;

    # in front of a real one: only what has a rule goes wrong
    my $fake = Totp::FakeRedis->new(dir => $dir,
                                    upstream => $redis->{socket});

    # ... nginx.conf: totp_redis <$fake->address>;

    $fake->rule(EVALSHA => reply => r_error('OOM command not allowed'));
    $fake->rule(qr/^EVALSHA \S+ \d+ totp:/, execute => 1, close => 'before',
                times => 1);
    $fake->rule('*', split => 'each');
    $fake->clear;

=head1 DESCRIPTION

A process of its own that listens on a Unix socket or a port and speaks as much
RESP as is needed.  Each command that arrives is looked up in the list of rules;
the first one that matches says what happens.  Without a rule it goes to the
real Redis (C<upstream>), on a connection of its own for each client; without
that, PING, AUTH, SELECT, TIME, XRANGE (empty), XREAD (blocks, then nil) and
EVALSHA (NOSCRIPT) get a plausible answer and all else an error.  Commands of
one connection are answered in order, so a delayed one holds up those behind it.

=head2 Methods

=over

=item new(dir => ..., tcp => 1, port => ..., upstream => ...)

Starts it.  C<dir> is where the Unix socket F<fake.sock> goes; C<tcp> makes it a
port of 127.0.0.1 instead.  C<upstream> is the path of a real Redis' Unix socket.

=item address

For the configuration: C<unix:path> or C<127.0.0.1:port>.

=item stop, start

Ends it with its connections; starts it again at the same address, without
rules.

=item rule(MATCH => OPTIONS)

Adds a rule; it is in force when the call returns, for commands that arrive
later.  MATCH is the name of a command, C<*> for all, or a regular expression
that is tried on the command's words joined by spaces.  OPTIONS:

    reply    the answer (see Values); without it the upstream's, so that a
             real reply can be split, delayed or cut
    execute  true: the upstream runs the command all the same
    mark     true: the reply is the second element of an array, behind the
             command's last word: what a script of ours answers with
    times    for so many commands only
    skip     after so many that matched
    past     not among the first so many commands of a connection
    swap     true: the answers to two such commands of one connection are
             exchanged
    delay    seconds before anything happens
    close    'before': close instead of an answer; 'after': close behind it
    half     so many bytes of the answer, then close
    split    so many bytes, a pause, the rest; or 'each': byte by byte
    pause    seconds between the parts, default 0.02
    stall    true: no answer, nor to anything later on that connection
    extra    bytes that follow the answer

=item clear

Forgets all rules, C<greet> and C<refuse>.

=item greet(BYTES), refuse(1)

What each new connection is sent unasked; whether it is closed at once.

=item kick, push_bytes(BYTES)

Closes all connections (and says how many); sends bytes to all, unasked.

=item commands, count(NAME), forget

The commands so far, each an array reference of its words; how many of them are
called NAME; begins the list anew.

=item hits

How many commands met a rule since C<clear>.

=item connections, accepted

Open connections; all there ever were.

=back

=head2 Values

A string is a bulk string, an array reference an array, C<undef> nil.  Exported
for the rest: C<r_status('OK')>, C<r_error('ERR text')>, C<r_integer(1)>,
C<r_nil>, C<r_nil_array>, C<r_raw("$-5\r\n")> for any bytes, and
C<r_nested(100000)>, an array in an array in an array.

=cut
