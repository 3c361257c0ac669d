package Totp::Client;

# A browser or an API client: a cookie jar, the CSRF token seen last, and full
# control over what goes out.  One connection a request unless a Conn is used.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL ();
use Socket ();

use Totp::Response;
use Totp::Util;


# port, host (the Host header), ip (own address, e.g. 127.0.0.9), tls, rig,
# portal (path of the portal)

sub new {
    my ($class, %o) = @_;

    return bless {
        host => "localhost:$o{port}", portal => '/2fa/', jar => {}, %o,
    }, $class;
}


# The same cookies and token, as a copy: another tab, or a thief.

sub clone {
    my ($self, %o) = @_;

    my $new = bless { %$self, jar => { %{ $self->{jar} } } }, ref $self;
    $new->{host} = "localhost:$o{port}" if $o{port};
    @$new{keys %o} = values %o;

    return $new;
}


# The same user agent, at another node.

sub at {
    my ($self, $node) = @_;

    $self->{port} = $node->port;
    $self->{host} = "localhost:$self->{port}";

    return $self;
}


sub cookie_header {
    my ($self) = @_;

    return join '; ', map { "$_=$self->{jar}{$_}" } sort keys %{ $self->{jar} };
}


sub cookie { my ($self, $name) = @_;
    return $self->{jar}{defined $name ? $name : 'totp'} }


# The bytes of a request.  headers: list of names and values, form: added as
# a body, cookies => 0: none sent, host => undef: no Host.

sub build {
    my ($self, $method, $path, %o) = @_;

    my @h = @{ $o{headers} || [] };
    my %have = map { (lc $h[2 * $_] => 1) } 0 .. @h / 2 - 1;
    my $body = $o{body};
    my @out;

    if ($o{form}) {
        $body = form_encode($o{form});
        push @out, 'Content-Type' => 'application/x-www-form-urlencoded'
            unless $have{'content-type'};
    }

    unshift @out, Host => $self->{host} unless $have{host};

    if (!defined $o{cookies} || $o{cookies}) {
        my $cookies = $self->cookie_header;
        push @out, Cookie => $cookies if $cookies ne '' && !$have{cookie};
    }

    push @out, 'Content-Length' => length $body
        if defined $body && !$have{'content-length'}
           && !$have{'transfer-encoding'};
    push @out, Connection => 'close' unless $o{keep} || $have{connection};
    push @out, @h;

    my $raw = "$method $path HTTP/1.1\r\n";
    while (@out) {
        my ($n, $v) = splice @out, 0, 2;
        $raw .= "$n: $v\r\n" if defined $v;
    }

    return "$raw\r\n" . (defined $body ? $body : '');
}


sub request {
    my ($self, $method, $path, %o) = @_;

    my $c = $self->connect;
    $c->send($self->build($method, $path, %o));
    my $r = $c->response(head => $method eq 'HEAD', timeout => $o{timeout});
    $c->close;

    return $self->learn($r);
}


# Takes over cookies and token of an answer.

sub learn {
    my ($self, $r) = @_;

    for my $c ($r->set_cookies) {
        my $gone = $c->{value} eq ''
            || (defined $c->{'max-age'} && $c->{'max-age'} <= 0)
            || (defined $c->{expires} && $c->{expires} =~ /1970|19[7-9]\d/);

        if ($gone) {
            delete $self->{jar}{ $c->{name} };
        } else {
            $self->{jar}{ $c->{name} } = $c->{value};
            secret_add(cookie => $c->{value})
                if $c->{name} =~ /totp/ && $c->{name} !~ /_lang\z/;
        }
    }

    my $type = $r->header('Content-Type') || '';

    if ($type =~ /json/ && defined $r->json->{csrf}) {
        $self->{csrf} = $r->json->{csrf};
    }

    if ($type =~ m{text/html}) {
        my $csrf = $self->hidden($r->body, 'csrf');
        $self->{csrf} = $csrf if defined $csrf;
    }

    return $r;
}


# The value of a hidden field in a page, whatever the order of its attributes.

sub hidden {
    my ($self, $html, $name) = @_;

    for my $tag ($html =~ /<input\b([^>]*)>/gi) {
        next unless $tag =~ /\bname=["']?\Q$name\E["'\s>\/]?/
                    && $tag =~ /\bvalue="([^"]*)"/;
        my $v = $1;
        $v =~ s/&quot;/"/g; $v =~ s/&lt;/</g; $v =~ s/&gt;/>/g;
        $v =~ s/&#(\d+);/chr $1/ge; $v =~ s/&#x([0-9a-f]+);/chr hex $1/gie;
        $v =~ s/&amp;/&/g;
        return $v;
    }

    return;
}


sub get { my ($self, $path, @headers) = @_;
    return $self->request('GET', $path, headers => \@headers) }

sub get_json { my ($self, $path, @headers) = @_;
    return $self->get($path, Accept => 'application/json', @headers) }

# A browser without Fetch Metadata.

sub get_html { my ($self, $path, @headers) = @_;
    return $self->get($path, Accept => 'text/html,application/xhtml+xml,'
                      . 'application/xml;q=0.9,*/*;q=0.8', @headers) }


# The token is added unless the form has one, or is a ready body.

sub post {
    my ($self, $path, $form, @headers) = @_;

    my @pairs = ref $form eq 'HASH'
        ? map { [$_, $form->{$_}] } sort keys %$form
        : @{ $form || [] };
    push @pairs, [csrf => $self->{csrf}] unless grep { $_->[0] eq 'csrf' } @pairs;

    return $self->request('POST', $path, form => \@pairs, headers => \@headers);
}

sub post_json { my ($self, $path, $form, @headers) = @_;
    return $self->post($path, $form, Accept => 'application/json', @headers) }

sub post_html { my ($self, $path, $form, @headers) = @_;
    return $self->post($path, $form, Accept => 'text/html', @headers) }


# Pages of the portal, by JSON.

sub page { my ($self, $name, @h) = @_;
    return $self->get_json($self->{portal} . $name, @h) }

sub act { my ($self, $name, $form, @h) = @_;
    return $self->post_json($self->{portal} . $name, $form, @h) }


# The journeys of the product.

sub login {
    my ($self, $user, $password, %more) = @_;

    $password = $self->{rig}->password($user) unless defined $password;
    secret_add(password => $password) if length $password > 5;
    $self->page('login');

    return $self->act('login', { username => $user, password => $password,
                                 %more });
}


# The password was right, and a code is owed; dies where it is not so.

sub half {
    my ($self, $user) = @_;

    my $r = $self->login($user);
    die $r->status . ' ' . $r->body unless $r->stage eq 'password';

    return $self;
}


sub code {
    my ($self, $code, %more) = @_;

    return $self->act('code', { code => $code, %more });
}


# Password and code of a user who has enrolled before; the last answer.

sub sign_in {
    my ($self, $user, %more) = @_;

    my $r = $self->login($user, undef, %more);
    return $r if $r->stage ne 'password';

    return $self->code($self->{rig}->otp($user)->next_code, %more);
}


# From a full session without a second factor to one with it.

sub enroll {
    my ($self, $user, %o) = @_;

    my $setup = $self->page('setup');
    my $uri = $setup->json->{otpauth}
        or die 'GET setup gave no otpauth: ' . $setup->status . ' '
               . substr $setup->body, 0, 300;
    my $otp = Totp::Otp->from_uri($uri, skew => $self->{rig}{skew});
    my $confirm = $self->act('setup', { code => $otp->next_code });
    my $backup = $self->page('backup-codes');
    my $codes = $backup->json->{codes} || [];

    secret_add(backup => $_) for @$codes;
    $self->{rig}->otp($user, $otp) if $confirm->status == 200;

    return { otp => $otp, secret => $setup->json->{secret}, otpauth => $uri,
             setup => $setup, confirm => $confirm, backup => $backup,
             codes => $codes };
}


# Signs in and enrols; dies when that does not work, for tests whose subject
# is something else.

sub ready {
    my ($self, $user) = @_;

    if ($self->{rig}->otp($user)) {
        my $r = $self->sign_in($user);
        die "sign-in of $user failed: " . $r->status . ' ' . $r->body
            unless $r->stage eq 'full';
        return $self;
    }

    my $r = $self->login($user);
    die "login of $user failed: " . $r->status . ' ' . $r->body
        unless $r->stage eq 'full';
    my $e = $self->enroll($user);
    die "enrolling $user failed: " . $e->{confirm}->status . ' '
        . $e->{confirm}->body unless $e->{confirm}->status == 200;
    $self->{enrolled} = $e;

    return $self;
}


sub connect {
    my ($self) = @_;

    return Totp::Conn->new(port => $self->{port}, ip => $self->{ip},
                           tls => $self->{tls});
}


# Fires many requests at once: all connections are made and all requests sent
# but for their last byte; then the last bytes go out in one go.  Takes
# [client, bytes] pairs and returns the responses in the same order.

sub fire {
    my ($class, $jobs, %o) = @_;

    my @conn;

    for my $job (@$jobs) {
        my ($client, $raw) = @$job;
        my $c = $client->connect;
        $c->send(substr $raw, 0, -1);
        $c->{last} = substr $raw, -1;
        $c->{is_head} = $raw =~ /\AHEAD /;
        push @conn, $c;
    }

    $_->send($_->{last}) for @conn;

    my $end = now() + seconds($o{timeout} || 20);
    my %open = map { (fileno $_->{sock} => $_) } @conn;
    my $select = IO::Select->new(map { $_->{sock} } @conn);

    while (%open && now() < $end) {
        for my $s ($select->can_read(0.5)) {
            my $c = $open{fileno $s};
            my $n = sysread $s, $c->{buf}, 65536, length $c->{buf};
            my ($r) = Totp::Response->parse($c->{buf}, eof => !$n,
                                            head => $c->{is_head});
            next unless $r;
            $c->{response} = $r;
            $select->remove($s);
            delete $open{fileno $s};
            close $s;
        }
    }

    return map { $_->{response} || Totp::Response->none($_->{buf}) } @conn;
}


package Totp::Conn;

# One connection, for split writes, keep-alive, aborts and WebSockets.

use strict;
use warnings;

use Totp::Util;


sub new {
    my ($class, %o) = @_;

    my @local = $o{ip} ? (LocalAddr => $o{ip}) : ();
    my $sock;

    if ($o{tls}) {
        $sock = IO::Socket::SSL->new(
            PeerAddr => '127.0.0.1', PeerPort => $o{port}, @local,
            SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(),
            Timeout => seconds(5));
    } else {
        $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $o{port}, @local,
            Proto => 'tcp', Timeout => seconds(5));
    }

    die "connect to $o{port}: $!" unless $sock;
    setsockopt $sock, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;

    return bless { sock => $sock, buf => '' }, $class;
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


# The next response, or one with status 0 when the connection ends or nothing
# comes in time.

sub response {
    my ($self, %o) = @_;

    my $end = now() + seconds($o{timeout} || 15);
    my $eof = 0;

    while (1) {
        my ($r, $used) = Totp::Response->parse($self->{buf}, eof => $eof,
                                               head => $o{head});
        if ($r) {
            substr $self->{buf}, 0, $used, '';
            return $r;
        }
        return Totp::Response->none($self->{buf}) if $eof || now() > $end;

        $eof = !$self->fill($end - now());
    }
}


# Reads once; 0 at the end, undef when nothing came.

sub fill {
    my ($self, $timeout) = @_;

    my $s = $self->{sock};
    my $pending = $s->can('pending') ? $s->pending : 0;

    if (!$pending && !IO::Select->new($s)->can_read($timeout)) {
        return;
    }

    return sysread $s, $self->{buf}, 65536, length $self->{buf};
}


# Whatever arrives within that time.

sub bytes {
    my ($self, $n, $timeout) = @_;

    my $end = now() + seconds(defined $timeout ? $timeout : 5);
    while (length $self->{buf} < $n && now() < $end) {
        last unless $self->fill($end - now());
    }

    return substr $self->{buf}, 0, $n, '';
}


sub closed {
    my ($self, $timeout) = @_;

    my $n = $self->fill(seconds(defined $timeout ? $timeout : 5));

    return defined $n && $n == 0;
}


sub close { my ($self) = @_; CORE::close($self->{sock}); return }

# An abrupt end: RST instead of FIN.

sub reset {
    my ($self) = @_;

    setsockopt $self->{sock}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
        pack 'ii', 1, 0;

    return $self->close;
}


1;
