package Chaos::Phone;

# One secret in an authenticator app.  RFC 6238 in a few lines, because a
# program started for each of thousands of codes would take all of the machine;
# t/60-chaos.t holds it against oathtool.

use strict;
use warnings;

use Digest::SHA ();

use Totp::Test ();
use Totp::Util;

my $count = 0;


# secret (base32), period, digits, skew

sub new {
    my ($class, %o) = @_;

    return bless {
        id => 'S' . ++$count, period => 30, digits => 6, skew => 1, given => -1,
        key => Totp::Test::base32_decode($o{secret}), %o,
    }, $class;
}


sub step { my ($self, $time) = @_; return int($time / $self->{period}) }


sub code {
    my ($self, $step) = @_;

    my $mac = Digest::SHA::hmac_sha1(pack('NN', $step >> 32,
                                          $step & 0xffffffff), $self->{key});
    my $at = ord(substr $mac, -1) & 15;
    my $n = unpack('N', substr $mac, $at, 4) & 0x7fffffff;

    return sprintf "%0$self->{digits}d", $n % 10 ** $self->{digits};
}


# A step that nobody was given yet, a step away from both ends of the window;
# nothing when all of them have been.

sub next_step {
    my ($self) = @_;

    my $current = $self->step(now());
    my $step = $current - $self->{skew} + 1;

    $step = $self->{given} + 1 if $step <= $self->{given};
    return if $step > $current + $self->{skew} - 1;

    return $self->{given} = $step;
}


# Is a code of this step good during all of that time?

sub good {
    my ($self, $step, $from, $to) = @_;

    return $step >= $self->step($to) - $self->{skew}
           && $step <= $self->step($from) + $self->{skew};
}


# Could it be at some moment of that time?

sub near {
    my ($self, $step, $from, $to) = @_;

    return $step >= $self->step($from) - $self->{skew}
           && $step <= $self->step($to) + $self->{skew};
}


1;
