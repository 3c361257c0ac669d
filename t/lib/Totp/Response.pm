package Totp::Response;

# One HTTP response, parsed from bytes.  A connection that closed without an
# answer gives status 0.

use strict;
use warnings;

use JSON::PP ();

use Totp::Util;


# The response at the start of the buffer and the number of bytes it took, or
# nothing while it is incomplete.  Interim responses (100) are kept aside.

sub parse {
    my ($class, $buf, %o) = @_;

    my $used = 0;
    my @interim;

    while (1) {
        my $end = index $buf, "\r\n\r\n", $used;

        if ($end < 0) {
            return unless $o{eof};
            return ($class->none($buf), length $buf);
        }

        my ($line, @lines) = split /\r\n/, substr $buf, $used, $end - $used;
        my ($status, $reason) = $line =~ m{\AHTTP/1\.[01] (\d{3}) ?(.*)}s;
        return ($class->none($buf), length $buf) unless defined $status;

        $used = $end + 4;

        if ($status < 200 && $status != 101) {
            push @interim, $status;
            next;
        }

        my $self = bless {
            status => $status, reason => $reason, body => '',
            interim => \@interim,
            head => join("\r\n", $line, @lines),
            headers => [ map { [ /\A([^:]*):[ \t]*(.*?)[ \t]*\z/s ] } @lines ],
        }, $class;

        return ($self, $used)
            if $o{head} || $status == 101 || $status == 204 || $status == 304;

        if (($self->header('Transfer-Encoding') || '') =~ /chunked/i) {
            while (1) {
                my $nl = index $buf, "\r\n", $used;
                return $o{eof} ? ($self, length $buf) : () if $nl < 0;
                my $size = hex substr $buf, $used, $nl - $used;
                return $o{eof} ? ($self, length $buf) : ()
                    if length $buf < $nl + 4 + $size;
                $self->{body} .= substr $buf, $nl + 2, $size;
                $used = $nl + 4 + $size;
                return ($self, $used) if !$size;
            }
        }

        my $length = $self->header('Content-Length');

        if (defined $length) {
            return if length $buf < $used + $length && !$o{eof};
            $self->{body} = substr $buf, $used, $length;
            return ($self, $used + length $self->{body});
        }

        return unless $o{eof};
        $self->{body} = substr $buf, $used;

        return ($self, length $buf);
    }
}


sub none { my ($class, $buf) = @_;
    return bless { status => 0, reason => 'closed', headers => [], head => '',
                   interim => [], body => $buf }, $class }

sub status { return $_[0]{status} }

sub body { return $_[0]{body} }


sub header {
    my ($self, $name) = @_;

    my @all = $self->all_headers($name);

    return $all[0];
}


sub all_headers {
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}


# The JSON of the body; an empty hash when it is none, so that a test fails at
# the member it looks for.

sub json {
    my ($self) = @_;

    return $self->{json} ||= do {
        my $v = eval { JSON::PP->new->utf8->decode($self->{body}) };
        ref $v ? $v : {};
    };
}


sub error { my ($self) = @_; return $self->json->{error} || '' }

sub stage { my ($self) = @_; return $self->json->{stage} || '' }


# Set-Cookie lines as hashes: name, value, and the attributes in lower case.

sub set_cookies {
    my ($self) = @_;

    return map {
        my ($pair, @attr) = split /;[ ]*/, $_;
        my ($name, $value) = split /=/, $pair, 2;
        my %c = (name => $name, value => $value, text => $_);
        for (@attr) {
            my ($k, $v) = split /=/, $_, 2;
            $c{lc $k} = defined $v ? $v : 1;
        }
        \%c;
    } $self->all_headers('Set-Cookie');
}


sub set_cookie {
    my ($self, $name) = @_;

    my @c = grep { !defined $name || $_->{name} eq $name } $self->set_cookies;

    return $c[-1];
}


# Where the answer leads: Location of a redirect, `next` of JSON.  In two
# parts, the address without its query, and what `next` in the query says.

sub target {
    my ($self) = @_;

    my $to = $self->header('Location');
    $to = $self->json->{next} unless defined $to;

    return defined $to ? $to : '';
}


sub target_path { my ($self) = @_; return $self->target =~ /\A([^?]*)/ ? $1 : '' }


sub target_next {
    my ($self) = @_;

    return $self->target =~ /[?&]next=([^&]*)/ ? uri_unescape($1) : undef;
}


1;
