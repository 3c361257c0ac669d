package Bench::Load;

# Requests one after the other on one connection, each answer looked at.

use strict;
use warnings;

use Exporter 'import';

use Totp::Client;
use Totp::Util;

our @EXPORT_OK = qw(requests status);


# n requests; dies unless each is answered with this status.

sub requests {
    my ($port, $n, $raw, $want) = @_;

    my $c = Totp::Conn->new(port => $port);
    my $sock = $c->{sock};
    my $buf = '';

    for (1 .. $n) {
        syswrite $sock, $raw;

        my $end;
        until (($end = index $buf, "\r\n\r\n") >= 0) { more($sock, \$buf) }

        my $head = substr $buf, 0, $end + 4, '';
        my ($got) = $head =~ m{\AHTTP/1.1 (\d+)};
        die "status $got instead of $want\n$raw" if $got != $want;

        my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
        $length ||= 0;
        while (length $buf < $length) { more($sock, \$buf) }
        substr $buf, 0, $length, '';
    }

    $c->close;

    return;
}


sub more {
    my ($sock, $buf) = @_;

    sysread($sock, $$buf, 65536, length $$buf) or die "connection closed\n";

    return;
}


# The status of one request.

sub status {
    my ($port, $path, @headers) = @_;

    my $client = Totp::Client->new(port => $port);

    return $client->request('GET', $path, headers => \@headers)->status;
}


1;
