package Totp::Otp;

# A user's authenticator app, with oathtool as an implementation of RFC 6238
# that shares nothing with the module.  It remembers the steps it has used, as
# no step is accepted twice: next_code gives a code that is good now and newer
# than any given before, and waits only when the window has been used up.

use strict;
use warnings;

use Totp::Util;


sub new {
    my ($class, %o) = @_;

    my $self = bless {
        algorithm => 'sha1', digits => 6, period => 30, skew => 3, last => -1,
        %o,
    }, $class;
    $self->{secret} =~ s/\s+//g;
    secret_add(secret => $self->{secret});

    return $self;
}


# From otpauth://totp/Label?secret=...&issuer=...&algorithm=SHA1&digits=6&period=30

sub from_uri {
    my ($class, $uri, %o) = @_;

    my ($query) = $uri =~ /\?(.*)/s or die "no query in the otpauth address";
    my %arg = map { my ($k, $v) = split /=/, $_, 2; ($k, uri_unescape($v)) }
              split /&/, $query;

    return $class->new(
        secret => $arg{secret},
        (defined $arg{algorithm} ? (algorithm => lc $arg{algorithm}) : ()),
        (defined $arg{digits}    ? (digits => $arg{digits}) : ()),
        (defined $arg{period}    ? (period => $arg{period}) : ()),
        %o);
}


sub step { my ($self, $time) = @_;
    return int((defined $time ? $time : now()) / $self->{period}) }


# The code of a time step.

sub code_at_step { my ($self, $step) = @_;
    return secret_add(code => ($self->codes($step, 1))[0]) }


# The codes of so many steps in a row.

sub codes {
    my ($self, $step, $n) = @_;

    my @cmd = (tool('oathtool'), "--totp=$self->{algorithm}",
        '-d', $self->{digits}, '-s', "$self->{period}s", '-w', $n - 1,
        '-N', '@' . ($step * $self->{period}), '-b', $self->{secret});

    open my $fh, '-|', @cmd or die "oathtool: $!";
    chomp(my @codes = <$fh>);
    close $fh or die "oathtool failed: @cmd[0 .. 6]";

    return @codes;
}


sub code_at { my ($self, $time) = @_;
    return $self->code_at_step($self->step($time)) }


# The code that a phone shows whose clock is off by so many steps.

sub code_off { my ($self, $steps) = @_;
    return $self->code_at_step($self->step + $steps) }


# A good code that has not been given out yet.  Steps are taken from the old
# end of the window upwards; the oldest is left alone shortly before it ends.

sub next_code {
    my ($self) = @_;

    return $self->code_at_step($self->next_step);
}


sub next_step {
    my ($self) = @_;

    while (1) {
        my $t = now();
        my $current = $self->step($t);
        my $first = $current - $self->{skew};
        my $left = ($current + 1) * $self->{period} - $t;

        $first++ if $left < seconds(2) && $self->{skew} > 0;
        $first = $self->{last} + 1 if $first <= $self->{last};

        if ($first <= $current + $self->{skew}) {
            $self->{last} = $first;
            return $first;
        }

        nap($left < 0.25 ? $left + 0.02 : 0.25);
    }
}


# The newest step that may be tried now; everything below is then spent.

sub newest_code {
    my ($self) = @_;

    my $step = $self->step + $self->{skew};

    while ($step <= $self->{last}) {
        nap(0.25);
        $step = $self->step + $self->{skew};
    }
    $self->{last} = $step;

    return $self->code_at_step($step);
}


sub used { my ($self, $step) = @_;
    $self->{last} = $step if $step > $self->{last}; return }


# Well formed, and of no step anywhere near now.

sub wrong_code {
    my ($self) = @_;

    my %near = map { ($_ => 1) } $self->codes($self->step - 13, 27);
    my $code;

    do {
        $code = sprintf "%0$self->{digits}d",
                        unpack('N', random_bytes(4)) % 10 ** $self->{digits};
    } while ($near{$code});

    return $code;
}


# Waits for a time in the middle of a step, where nothing rolls over.

sub settle {
    my ($self, $room) = @_;

    $room = seconds(defined $room ? $room : 3);
    $room = $self->{period} * 0.6 if $room > $self->{period} * 0.6;

    while (1) {
        my $left = $self->{period} - (now() - $self->step * $self->{period});
        return if $left >= $room;
        nap($left + 0.05);
    }
}


1;
