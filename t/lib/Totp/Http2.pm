package Totp::Http2;

# A client of HTTP/2 (RFC 9113) over plain TCP, for what curl does not do: many
# streams at once, streams that are given up, frames one by one.  It sends its
# headers as plain literals (RFC 7541, section 6.2.2), and reads of an answer
# the status and the body alone.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();

use Totp::Util;

my %type = (data => 0, headers => 1, reset => 3, settings => 4, ping => 6,
            goaway => 7, window => 8);
my %indexed = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304,
               0x8c => 400, 0x8d => 404, 0x8e => 500);


# port, host (for :authority)

sub new {
    my ($class, %o) = @_;

    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $o{port}, Proto => 'tcp', Timeout => seconds(5))
        or die "connect to $o{port}: $!";
    my $self = bless { sock => $sock, buf => '', stream => -1, of => {},
                       host => "localhost:$o{port}", %o }, $class;

    # windows large enough never to be thought of again

    $self->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                . frame('settings', 0, 0, pack 'nN', 4, 1 << 30)
                . frame('window', 0, 0, pack 'N', 1 << 30));

    return $self;
}


sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type{$type}, $flags, $stream) . $payload;
}


sub send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $off = 0;

    while ($off < length $bytes) {
        my $n = syswrite $self->{sock}, $bytes, length($bytes) - $off, $off;
        return unless $n;
        $off += $n;
    }

    return $self;
}


# A length of seven bits and more (RFC 7541, section 5.1), and the bytes.

sub text {
    my ($s) = @_;

    my $n = length $s;
    return chr($n) . $s if $n < 127;

    my $out = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) { $out .= chr($n % 128 + 128) }

    return $out . chr($n) . $s;
}


# The frames of a request; body undef: it ends with its headers, more => 1: it
# does not end at all.  Gives the number of the stream and the bytes.

sub build {
    my ($self, $method, $path, %o) = @_;

    $self->{stream} += 2;

    my @h = (':method', $method, ':scheme', 'http', ':path', $path,
             ':authority', defined $o{host} ? $o{host} : $self->{host},
             @{ $o{headers} || [] });
    my $block = '';
    while (@h) {
        my ($name, $value) = splice @h, 0, 2;
        $block .= "\0" . text($name) . text($value);
    }

    my $end = !defined $o{body} && !$o{more};
    my $out = frame('headers', 4 | ($end ? 1 : 0), $self->{stream}, $block);
    if (defined $o{body}) {
        my $size = $o{piece} || 16_000;
        my @part = unpack "(a$size)*", $o{body};
        @part = ('') if !@part;
        my $last = $o{more} ? '' : pop @part;
        $out .= frame('data', 0, $self->{stream}, $_) for @part;
        $out .= frame('data', 1, $self->{stream}, $last) if !$o{more};
    }

    return ($self->{stream}, $out);
}


sub request {
    my ($self, @args) = @_;

    my ($stream, $bytes) = $self->build(@args);
    $self->send($bytes);

    return $stream;
}


sub get {
    my ($self, @args) = @_;

    my $stream = $self->request(@args);

    return ($self->answers($stream))[0];
}


sub reset { my ($self, $stream) = @_;
    return frame('reset', 0, $stream, pack 'N', 8) }


# Answers of streams, in that order, each with status, body, json; status 0
# where the stream or the connection ended without one.

sub answers {
    my ($self, @streams) = @_;

    my $end = now() + seconds(20);

    until ($self->{closed} || !grep { !$self->{of}{$_}{end} } @streams) {
        last if now() > $end;
        next if !IO::Select->new($self->{sock})->can_read(0.5);
        $self->{closed} = 1
            if !sysread $self->{sock}, $self->{buf}, 65536, length $self->{buf};
        $self->frames;
    }

    return map {
        my $of = $self->{of}{$_} || {};
        my $body = defined $of->{body} ? $of->{body} : '';
        my $json = eval { JSON::PP->new->utf8->decode($body) };
        { status => $of->{status} || 0, body => $body, ended => $of->{end},
          json => ref $json ? $json : {} };
    } @streams;
}


sub frames {
    my ($self) = @_;

    while (length $self->{buf} >= 9) {
        my ($len, $type, $flags, $stream)
            = unpack 'N x0 C C N', "\0" . substr $self->{buf}, 0, 9;
        return if length $self->{buf} < 9 + $len;
        my $payload = substr $self->{buf}, 9, $len;
        substr $self->{buf}, 0, 9 + $len, '';

        my $of = $self->{of}{$stream} ||= {};

        if ($type == $type{headers}) {
            $payload =~ s/\A[\x20-\x3f]+//;
            my $first = ord $payload;
            $of->{status} = $indexed{$first}
                || ($payload =~ /\A[\x08\x48]\x03(\d{3})/ ? $1 : -1);
        }
        $of->{body} .= $payload if $type == $type{data};
        $of->{end} = 1 if $type == $type{reset}
            || $flags & 1 && ($type == $type{data} || $type == $type{headers});
        $self->send(frame('settings', 1, 0, ''))
            if $type == $type{settings} && !($flags & 1);
        $self->send(frame('ping', 1, 0, $payload))
            if $type == $type{ping} && !($flags & 1);
        $self->{goaway} = 1 if $type == $type{goaway};
    }

    return;
}


sub close { my ($self) = @_; close $self->{sock}; return }


1;
