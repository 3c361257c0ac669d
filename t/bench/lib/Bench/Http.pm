package Bench::Http;

# Many connections at once, each with its own requests one after the other;
# and an authenticator that costs no process of its own.

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';
use IO::Select;

use Totp::Client;
use Totp::Test ();
use Totp::Util;

our @EXPORT_OK = qw(totp enroll half storm);


# RFC 6238, SHA-1, six digits.

sub totp {
    my ($secret, $step) = @_;

    my $mac = Digest::SHA::hmac_sha1(pack('Q>', $step), $secret);
    my $at = ord(substr $mac, -1) & 15;

    return sprintf '%06d',
        (unpack('N', substr $mac, $at, 4) & 0x7fffffff) % 1_000_000;
}


# The secret of a user who sets up now.

sub enroll {
    my ($client, $user) = @_;

    $client->login($user);
    my $text = $client->page('setup')->json->{secret}
        or die "no set-up for $user\n";
    my $secret = Totp::Test::base32_decode($text);
    my $step = int(now() / 30) - 3;

    $client->act('setup', { code => totp($secret, $step) })->status == 200
        or die "$user could not set up\n";

    return { user => $user, secret => $secret, last => $step };
}


# Waits until the oldest of the seven steps in the window is unused.

sub next_step {
    my ($otp) = @_;

    wait_until(sub { $otp->{last} < int(now() / 30) + 3 }, 60, 0.2);

    my $oldest = int((now() + 2) / 30) - 3;
    $otp->{last} = $otp->{last} < $oldest ? $oldest : $otp->{last} + 1;

    return $otp->{last};
}


# The bytes that show a code after the password; untimed.

sub half {
    my ($client, $otp) = @_;

    my $r = $client->login($otp->{user});
    die "$otp->{user}: " . $r->status . ' ' . $r->body . "\n"
        if $r->stage ne 'password';

    return $client->build('POST', '/2fa/code', keep => 1,
        headers => [Accept => 'application/json'],
        form => [[code => totp($otp->{secret}, next_step($otp))],
                 [csrf => $client->{csrf}]]);
}


# Sends the requests over so many connections until they are all answered, or
# until the time is up where they are to be repeated.  Returns the seconds that
# it took, and how often each status came.

sub storm {
    my ($port, $raws, $connections, %o) = @_;

    my @todo = @$raws;
    my (%conn, %status);
    my $select = IO::Select->new;

    for (1 .. $connections) {
        my $c = Totp::Conn->new(port => $port);
        $conn{ fileno $c->{sock} } = { sock => $c->{sock}, buf => '' };
        $select->add($c->{sock});
    }

    my $start = now();
    my $end = $o{seconds} ? $start + $o{seconds} : 0;
    my $i = 0;
    my $open = 0;

    my $next = sub {
        my ($c) = @_;

        return if $end ? now() >= $end : $i >= @todo;
        syswrite $c->{sock}, $todo[$i++ % @todo];
        $open++;
    };

    $next->($_) for values %conn;

    while ($open) {
        my @ready = $select->can_read(60) or die "no answer in a minute\n";

        for my $sock (@ready) {
            my $c = $conn{fileno $sock};
            sysread($sock, $c->{buf}, 65536, length $c->{buf})
                or die "connection closed\n";

            my $head = index $c->{buf}, "\r\n\r\n";
            next if $head < 0;
            my ($n) = $c->{buf} =~ /^content-length:\s*(\d+)/mi;
            $n = 0 if !defined $n;
            next if length $c->{buf} < $head + 4 + $n;

            $status{ substr $c->{buf}, 9, 3 }++;
            $c->{buf} = '';
            $open--;
            $next->($c);
        }
    }

    return (now() - $start, %status);
}


1;
