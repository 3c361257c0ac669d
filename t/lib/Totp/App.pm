package Totp::App;

# The application behind the gate.  It writes down the raw bytes of every
# request, and answers with what it was sent as JSON, or as the query says:
#
#   status=404          another status
#   h=Name:%20value     a response header, any number of times
#   delay=0.5           seconds before the answer
#   text=hello          this body instead of the JSON
#
# A request to upgrade gets 101, and then every byte back.  A chunked body is
# written down without its framing, which is a matter of luck.  Fork per
# connection, one request each.

use strict;
use warnings;

use Fcntl ':flock';
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

use Totp::Util;


sub new {
    my ($class, %o) = @_;

    my $self = bless {
        port => free_port(), file => "$o{dir}/app.requests", owner => $$,
        seen => 0,
    }, $class;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 1024,
        ReuseAddr => 1, Proto => 'tcp') or die "application: $!";
    spew($self->{file}, '');

    my $pid = fork;
    die "fork: $!" unless defined $pid;
    $self->loop($listen) if !$pid;
    close $listen;
    $self->{pid} = $pid;

    return $self;
}


sub address { my ($self) = @_; return "127.0.0.1:$self->{port}" }


sub loop {
    my ($self, $listen) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    open STDIN, '<', '/dev/null';

    while (1) {
        my $c = $listen->accept or next;
        my $pid = fork;
        if (defined $pid && !$pid) {
            close $listen;
            alarm 60 * slow();
            eval { $self->serve($c) };
            POSIX::_exit(0);
        }
        close $c;
    }
}


sub serve {
    my ($self, $c) = @_;

    my $buf = '';

    until ($buf =~ /\r\n\r\n/) {
        sysread($c, $buf, 65536, length $buf) or return;
    }

    my ($head, $body) = split /(?<=\r\n)\r\n/, $buf, 2;
    my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
    while (defined $length && length $body < $length) {
        sysread($c, $body, 65536, length $body) or last;
    }
    $body = $self->chunks($c, $body) if $head =~ /^transfer-encoding:/mi;

    $self->record("$head\r\n$body");

    my ($method, $uri) = $head =~ /\A(\S+) (\S+)/;

    if ($head =~ /^upgrade:/mi) {
        syswrite $c, "HTTP/1.1 101 Switching Protocols\r\n"
                   . "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        while (sysread $c, my $bytes, 65536) { syswrite $c, $bytes }
        return;
    }

    my ($status, $text, @extra) = (200, undef);
    my ($query) = $uri =~ /\?(.*)/;
    for (split /&/, defined $query ? $query : '') {
        my ($k, $v) = map { uri_unescape($_) } split /=/, $_, 2;
        next unless defined $v;
        $status = $v if $k eq 'status';
        $text = $v if $k eq 'text';
        push @extra, $v if $k eq 'h';
        nap($v) if $k eq 'delay';
    }

    my @headers = map { [ /\A([^:]*):[ \t]*(.*?)\r?\z/s ] }
                  grep { /:/ } split /\n/, $head =~ s/\A.*\n//r;
    my $json = JSON::PP->new->ascii->canonical;
    $text = $json->encode({ method => $method, uri => $uri,
                            headers => \@headers, body => $body })
        unless defined $text;
    push @extra, 'Content-Type: application/json'
        unless grep { /^content-type:/i } @extra;

    my $out = "HTTP/1.1 $status Answer\r\n"
        . join('', map { "$_\r\n" } @extra, 'Content-Length: ' . length $text,
                                    'Connection: close')
        . "\r\n" . ($method eq 'HEAD' ? '' : $text);
    syswrite $c, $out;

    return;
}


# The body of which $buf is the beginning, as it came.

sub chunks {
    my ($self, $c, $buf) = @_;

    my $body = '';

    while (1) {
        if ($buf =~ /\A([0-9a-f]+)[^\r]*\r\n/i
            && length $buf >= $+[0] + hex($1) + 2)
        {
            my ($at, $size) = ($+[0], hex $1);
            return $body unless $size;
            $body .= substr $buf, $at, $size;
            substr $buf, 0, $at + $size + 2, '';
            next;
        }
        sysread($c, $buf, 65536, length $buf) or return $body;
    }
}


# One line a request: its bytes in hex.

sub record {
    my ($self, $raw) = @_;

    open my $fh, '>>', $self->{file} or die;
    flock $fh, LOCK_EX;
    syswrite $fh, unpack('H*', $raw) . "\n";
    close $fh;

    return;
}


# All requests so far, each with method, uri, head, body and raw.

sub all {
    my ($self) = @_;

    return map {
        my $raw = pack 'H*', $_;
        my ($head, $body) = split /(?<=\r\n)\r\n/, $raw, 2;
        my ($method, $uri) = $head =~ /\A(\S+) (\S+)/;
        { raw => $raw, head => $head, body => $body,
          method => $method, uri => $uri };
    } split /\n/, slurp($self->{file});
}


# Requests since the last call of reset.

sub requests { my ($self) = @_;
    my @all = $self->all;
    return splice @all, $self->{seen} }

sub hits { my ($self) = @_; return scalar(my @r = $self->requests) }

sub reset { my ($self) = @_; $self->{seen} = () = $self->all; return }

# All of them, where many large ones would take long to read.

sub forget { my ($self) = @_;
    $self->{seen} = 0; spew($self->{file}, ''); return }


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    kill 'TERM', $pid;
    waitpid $pid, 0;

    return;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};
    local ($?, $!, $@);
    $self->stop;

    return;
}


1;
