package Chaos::Loop;

# One select loop: the requests under way, and what is to happen later.  One
# process sees the start and the end of every request, which is what the model
# judges overlapping requests by; a start is noted before the first byte goes
# out and an end after the last one came in, so the time between can only be
# too long, and never too short.

use strict;
use warnings;

use IO::Select;

use Totp::Client;
use Totp::Response;
use Totp::Util;


sub new {
    my ($class) = @_;

    return bless { timers => [], open => {}, select => IO::Select->new,
                   requests => 0, how => {}, pause => 0 }, $class;
}


sub after { my ($self, $seconds, $code) = @_;
    return $self->at(now() + $seconds, $code) }


sub at {
    my ($self, $time, $code) = @_;

    my $timers = $self->{timers};
    my ($low, $high) = (0, scalar @$timers);

    while ($low < $high) {
        my $mid = ($low + $high) >> 1;
        if ($timers->[$mid][0] <= $time) { $low = $mid + 1 }
        else                             { $high = $mid }
    }

    my $timer = [$time, $code];
    splice @$timers, $low, 0, $timer;

    return $timer;
}


# port, ip, bytes; cut: the client goes away, with `bytes` of the request sent
# only, or `after` seconds when all is sent (reset: by RST).
# done is called with the answer; its {how} says what is known:
#
#   answer    it came, whole
#   none      the server cannot have got the whole request
#   unknown   it can, and may have done anything

sub request {
    my ($self, %o) = @_;

    my $cut = $o{cut} || {};
    my $whole = !defined $cut->{bytes};
    my $conn = eval { Totp::Conn->new(port => $o{port}, ip => $o{ip}) };

    $self->{requests}++;

    if (!$conn) {
        $self->after(0, sub { $self->answer(\%o, 'none', 'no connection') });
        return;
    }

    my $job = { %o, conn => $conn, whole => $whole };
    $self->{open}{fileno $conn->{sock}} = $job;
    $self->{select}->add($conn->{sock});

    $conn->send($whole ? $o{bytes} : substr $o{bytes}, 0, $cut->{bytes});

    if (%$cut) {
        $self->after($cut->{after} || 0, sub { $self->end($job, 'cut',
                                                          $cut->{reset}) });
    }
    $self->after(seconds(15), sub { $self->end($job, 'timeout') });

    return;
}


sub end {
    my ($self, $job, $why, $reset) = @_;

    my $conn = delete $job->{conn} or return;

    delete $self->{open}{fileno $conn->{sock}};
    $self->{select}->remove($conn->{sock});
    $reset ? $conn->reset : $conn->close;

    $self->answer($job, $job->{whole} ? 'unknown' : 'none', $why);

    return;
}


sub answer {
    my ($self, $job, $how, $why) = @_;

    my $r = Totp::Response->none('');
    @$r{qw(how why)} = ($how, $why);
    $self->{how}{$why}++;
    $job->{done}->($r);

    return;
}


sub read_from {
    my ($self, $sock) = @_;

    my $job = $self->{open}{fileno $sock} or return;
    my $conn = $job->{conn};
    my $n = sysread $sock, $conn->{buf}, 65536, length $conn->{buf};
    my ($r) = Totp::Response->parse($conn->{buf});

    if (!$r) {
        $self->end($job, 'closed') if !$n;
        return;
    }

    delete $job->{conn};
    delete $self->{open}{fileno $sock};
    $self->{select}->remove($sock);
    $conn->close;

    $r->{how} = 'answer';
    $job->{done}->($r);

    return;
}


# Until the code says so.

sub run {
    my ($self, $over) = @_;

    my $timers = $self->{timers};
    my $last = now();

    until ($over->()) {
        my $pause = now() - $last;
        $self->{pause} = $pause if $pause > $self->{pause};
        $last = now();

        my $wait = @$timers ? $timers->[0][0] - now() : 0.1;
        $wait = 0.1 if $wait > 0.1;
        $wait = 0 if $wait < 0;

        # answers first: one that is there has not come too late
        if (%{ $self->{open} }) {
            $self->read_from($_) for $self->{select}->can_read($wait);
        } else {
            nap($wait);
        }

        my $time = now();
        while (@$timers && $timers->[0][0] <= $time) {
            (shift @$timers)->[1]->();
        }
    }

    return;
}


1;
