#!/usr/bin/perl
#
# Drives the whole portal of a real nginx with requests made by a grammar and
# then damaged: methods, paths, headers, cookies, forms, chunks; split,
# pipelined, cut off.
#
#     sh t/asan/env.sh perl -It/lib t/fuzz/portal.pl [--seconds N] [--seed N]
#
# Whatever is sent: no worker ends, no line of a sanitizer or of alert and
# worse is logged, every answer is one that the product knows, and no session
# or request gets further than what was shown for it allows.

use strict;
use warnings;

use Getopt::Long;

use Totp::Test;

my ($seconds, $seed) = (300, time);
GetOptions('seconds=i' => \$seconds, 'seed=i' => \$seed)
    or die "usage: portal.pl [--seconds N] [--seed N]\n";
srand $seed;
print "# seed $seed, $seconds s\n";

my @users = map { "u$_" } 1 .. 4000;
my %password = map { ($_ => "pw-$_-" . random_hex(4)) } @users;

my $t = Totp::Test->new(
    users => { %password }, start => 0,
    defaults => { times => "totp_redis_timeout 20s;" },
    http => <<'END',
    client_header_timeout     300ms;
    client_body_timeout       300ms;
    keepalive_timeout         200ms;
    lingering_timeout         200ms;
    lingering_time            400ms;
    reset_timedout_connection on;
END
    server => <<'END',
        totp                on;
        totp_attempts       100 1s;
        totp_fresh          2s;
        location /          { proxy_pass http://127.0.0.1:%PORT_behind%; }
        location /optional/ { totp optional;
                              proxy_pass http://127.0.0.1:%PORT_behind%; }
        location /2fa/      { totp_portal; }
        location /2fa/in/   { proxy_pass http://127.0.0.1:%PORT_behind%; }
END
    servers => <<'END');
    server {
        listen  127.0.0.1:%PORT_behind%;
        totp    off;
        return  200 "through\n";
    }
END

my $node = $t->node;
$node->start;
my @workers = $node->workers;
my $redis = $t->redis;


# What may come: the words of the product, and what nginx says by itself of
# what is no request.

my %status = (
    (map { ($_ => 401) } qw(bad_credentials bad_code code_used clock_off
        login_required expired code_required setup_required fresh_required)),
    bad_csrf => 403, not_found => 404, bad_method => 405, bad_request => 400,
    too_large => 413, bad_type => 415, locked => 429,
);
my %known = map { ($_ => 1) } 200, 303, 400, 401, 403, 404, 405, 413, 415, 429;
my %nginx = map { ($_ => 1) } 304, 400, 405, 408, 411, 412, 413, 414, 416, 501, 505;

my (%seen, %words, @broken);
my ($runs, $requests) = (0, 0);


# A visitor and what is known of him.  stage is the furthest he has got.

sub visitor {
    my ($want) = @_;

    my $user = shift @users or return;
    my $ip = sprintf '127.%d.%d.%d', 80 + int rand 20, int rand 250,
                     1 + int rand 250;
    my $v = { user => $user, stage => 0, client => $t->client(ip => $ip) };
    my $c = $v->{client};

    if ($want eq 'none') {
        $c->page('login');
    } else {
        $c->login($user);
        $v->{stage} = 2;
        if ($want ne 'bare') {
            my $e = $c->enroll($user);
            die "$user cannot enrol: " . $e->{confirm}->body
                unless $e->{confirm}->status == 200;
            $v->{otp} = $t->otp($user);
            $v->{codes} = $e->{codes};
            $v->{first} = $c->cookie;
        }
        if ($want eq 'password') {
            $c->{jar} = {};
            $c->login($user);
            $v->{stage} = 1;
        }
    }

    return $v;
}

my @kinds = qw(none bare full full password);
my @visitors = map { visitor($_) } @kinds, @kinds;


sub pick { return $_[int rand @_] }

sub chance { return rand() < $_[0] }

# Every other request is as a browser would make it, the rest is more or less
# odd: else hardly one would get far.

my $wild = 1;

sub odd { return rand() < $_[0] * $wild }

sub bytes { return join '', map { chr int rand 256 } 1 .. 1 + int rand $_[0] }


# The grammar.

sub hostile {
    return pick(
        '', ' ', "\0", '%', "a\r\nSet-Cookie: totp=x", '<script>alert(1)',
        "\xff\xfe", "\xc0\xaf", '../' x 5, '//evil.example', '/\\evil.example',
        'https://evil.example/', '/2fa/../x', '/2fa/settings?x=%0d%0a', 'A' x 300,
        'A' x 2048, 'A' x 5000, '0' x 20, '-1', '1e5', "\x{660}\x{661}" x 3,
        '{PLAIN}', '*', '{}:', "u1\nu2", '%00', '%2f%2fevil', bytes(40));
}


sub word {
    my ($s) = @_;

    utf8::encode($s) if utf8::is_utf8($s);
    return $s;
}


my %fields = (
    login => [qw(csrf username password next)], code => [qw(csrf code next)],
    setup => [qw(csrf code)], 'backup-codes' => [qw(csrf)],
    disable => [qw(csrf)], logout => [qw(csrf)],
);


sub form {
    my ($v, $page) = @_;

    my $other = pick(@visitors);
    my @pairs;
    my $may = $v->{may};

    my %make = (
        username => sub { odd(0.3) ? pick($other->{user}, hostile())
                                   : $v->{user} },
        password => sub {
            my $who = odd(0.2) ? $other : $v;
            return hostile() if odd(0.4);
            $may->{password}{$who->{user}} = 1;
            return $password{$who->{user}};
        },
        code => sub {
            my $who = odd(0.2) ? $other : $v;
            if ($who->{otp} && chance(0.4)) {
                $may->{code}{$who->{user}} = 1;
                return $who->{otp}->code_at_step($who->{otp}->step
                                                 + int(rand 9) - 4);
            }
            if ($who->{codes} && chance(0.3)) {
                $may->{code}{$who->{user}} = 1;
                return pick(@{ $who->{codes} });
            }
            return pick('000000', '123456', '12345678', 'k7m4-2qxp-9fhd-3wtz',
                        hostile());
        },
        next => sub { pick('/', '/x?y=1', '/2fa/setup', '/2fa/login',
                           hostile()) },
        csrf => sub { my $csrf = $v->{client}{csrf};
                      !odd(0.2) && defined $csrf ? $csrf
                      : pick($other->{client}{csrf} || '', hostile()) },
        more => sub { pick('1', '', hostile()) },
        everywhere => sub { pick('1', '', hostile()) },
        random_hex(2) => sub { hostile() },
    );

    my @names = odd(0.3) ? map { pick(sort keys %make) } 1 .. 1 + int rand 6
              : @{ $fields{$page} || [qw(csrf next username password code)] };
    push @names, pick(sort keys %make) if odd(0.1);
    push @names, pick('more', 'everywhere') if chance(0.2);

    @pairs = map { [$_, word($make{$_}->())] } @names;

    my $body = form_encode(\@pairs);
    $body =~ s/%20/+/g if chance(0.3);
    $body = damage($body) if odd(0.1);

    return $body;
}


sub target {
    my ($v, $page) = @_;

    my $path = "/2fa/$page";
    $path = '/2fa/' . pick('check', 'nothing', 'LOGIN', 'login/', 'a/b', 'in/x',
                           'style.css', 'login%00', '%6cogin') if odd(0.15);

    $path = pick('/', '/x', '/optional/x', '/2fa', '/2fa/../x', '//2fa/login',
                 '/./2fa/login', '*', 'http://localhost/2fa/login',
                 '/2fa/' . 'x' x 3000, '/2fa/login#x', uri_escape(hostile()),
                 '/' . hostile()) if odd(0.15);
    $path = pick('/', '/x', '/optional/x') if chance(0.1);
    $path .= '?' . pick('next=', 'next=%2Fx', 'next=%2F%2Fevil', 'next', 'next=%',
                        'next=/a&next=/b', 'x=1&next=' . uri_escape(hostile()),
                        hostile()) if odd(0.3);

    return word($path);
}


# The cookie as it is, someone else's, an old one, or one that was changed.

sub cookie {
    my ($v) = @_;

    my @jar = ($v->{client}->cookie);
    my $other = pick(@visitors);

    show($v, $v);
    if (odd(0.1)) {
        @jar = ($other->{client}->cookie);
        show($v, $other);
    }
    if (odd(0.1)) {
        @jar = ($other->{first});
        $v->{may}{stage}{ $other->{user} } = 2 if $other->{first};
    }

    my $c = defined $jar[0] ? $jar[0] : '';
    $c = damage($c) if odd(0.2);
    return "totp=$c" if !odd(0.4);

    return pick("a=b; totp=$c; c=d", "totp=$c; totp=$c",
        "totp=x; totp=$c", " totp = $c", "TOTP=$c", "totp=\"$c\"", "totp=",
        "totp", '', 'x=' . 'y' x 6000, ";;=;totp=$c;", 'totp=' . 'A' x 700);
}


sub show {
    my ($v, $who) = @_;

    my $stage = \$v->{may}{stage}{$who->{user}};
    $$stage = $who->{stage}
        if !defined $$stage || $$stage < $who->{stage};

    return;
}


sub headers {
    my ($v) = @_;

    my @h;
    my $host = $v->{client}{host};

    push @h, Host => $host if !odd(0.03);
    push @h, Host => hostile() if odd(0.02);
    push @h, Cookie => cookie($v) if !odd(0.1);
    push @h, Cookie => cookie($v) if odd(0.05);
    push @h, Accept => odd(0.5) ? pick('*/*', 'text/html;q=0.1, application/json', 'a' x 500, hostile())
        : pick('text/html', 'application/json', 'application/json');
    push @h, 'Accept-Language' => pick('de,en;q=0.5', 'q=;;,', hostile())
        if odd(0.3);
    push @h, Origin => pick("http://$host", "https://$host", 'null',
                            'http://evil.example', hostile()) if odd(0.2);
    push @h, 'Sec-Fetch-Site' => pick('same-origin', 'same-origin', 'none',
                                      'cross-site', hostile()) if odd(0.2);
    push @h, 'Sec-Fetch-Mode' => pick('navigate', 'cors', hostile()),
             'Sec-Fetch-Dest' => pick('document', 'iframe', 'empty')
        if odd(0.2);
    push @h, pick([Expect => pick('100-continue', 'x')],
        [Range => 'bytes=0-3,5-'], ['If-Match' => '"x"'],
        ['If-None-Match' => '*'], [Upgrade => pick('websocket', 'h2c')],
        ['X-Forwarded-For' => hostile()], [Authorization => 'Basic YTpi'],
        ['X-HTTP-Method-Override' => 'DELETE'], ['Accept-Encoding' => 'gzip'],
        [Referer => hostile()], [random_hex(3) => hostile()], ['' => 'x'],
        ["X\0Y" => 'z'], ['Transfer-Encoding' => pick('gzip', 'chunked',
                                                     'identity')])->@*
        if odd(0.3);

    return @h;
}


sub chunked {
    my ($body) = @_;

    my $out = '';

    while (length $body) {
        my $part = substr $body, 0, 1 + int rand 400, '';
        my $ext = chance(0.1) ? ';a="b"' : '';
        $out .= sprintf "%s%s\r\n%s\r\n",
            pick(sprintf('%x', length $part), sprintf('%X', length $part),
                 sprintf('%06x', length $part)), $ext, $part;
    }

    return $out . "0\r\n" . (chance(0.1) ? "X: y\r\n" : '') . "\r\n";
}


sub request {
    my ($v, $last) = @_;

    my $page = pick('', qw(login code settings setup backup-codes disable logout
                           login code setup));
    my $method = !odd(0.2) ? pick('GET', 'POST', 'POST')
               : pick('HEAD', 'HEAD', 'PUT', 'DELETE',
                      'OPTIONS', 'PATCH', 'PROPFIND', 'TRACE', 'get', 'X' x 40,
                      'A-B');
    my $version = !odd(0.05) ? 'HTTP/1.1'
                : pick('HTTP/1.0', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', '');
    my @h = headers($v);
    push @h, Connection => $last ? 'close' : pick('keep-alive', 'upgrade')
        if $last ? !odd(0.05) : odd(0.1);
    my $body = '';

    if ($method eq 'POST' ? !odd(0.03) : odd(0.1)) {
        $body = !odd(0.05) ? form($v, $page) : pick(bytes(9000), 'x=' x 4200,
                                                '{"csrf":"x"}');
        push @h, 'Content-Type' => !odd(0.1)
            ? 'application/x-www-form-urlencoded'
            : pick('application/x-www-form-urlencoded; charset=utf-8',
                   'text/plain', 'multipart/form-data; boundary=x', hostile())
            if !odd(0.03);
        if (chance(0.15)) {
            push @h, 'Transfer-Encoding' => 'chunked';
            $body = chunked($body);
        } elsif (!odd(0.03)) {
            push @h, 'Content-Length' => length($body)
                + (odd(0.03) ? pick(-5, 1, 7, 10000, 2 ** 40) : 0);
        }
    }

    my $raw = "$method " . target($v, $page) . ($version ? " $version" : '') . "\r\n";
    while (@h) {
        my ($name, $value) = splice @h, 0, 2;
        $raw .= "$name: " . word($value) . "\r\n" if defined $value;
    }
    $raw .= "\r\n$body";
    $raw = damage($raw) if odd(0.1);

    return ($method, $raw);
}


# A few bytes changed, taken out, put in, or the end cut off.

sub damage {
    my ($s) = @_;

    for (1 .. 1 + int rand 3) {
        my $at = int rand(1 + length $s);
        my $how = int rand 5;
        if ($how == 0 && $at < length $s) {
            substr($s, $at, 1) ^= chr(1 << int rand 8);
        } elsif ($how == 1 && $at < length $s) {
            substr $s, $at, 1 + int rand 4, '';
        } elsif ($how == 2) {
            substr $s, $at, 0, bytes(4);
        } elsif ($how == 3) {
            substr $s, $at, 0, substr($s, int rand(1 + length $s), 20);
        } elsif (chance(0.3)) {
            $s = substr $s, 0, $at;
        }
    }

    return $s;
}


# One connection.

sub run {
    my ($v) = @_;

    $v->{may} = {};

    $wild = pick(0, 0, 0.2, 0.5, 1);

    my (@methods, $raw);
    for my $left (reverse 1 .. pick(1, 1, 1, 1, 2, 3)) {
        my ($method, $bytes) = request($v, $left == 1);
        push @methods, $method;
        $raw .= $bytes;
    }

    my $c = eval { $v->{client}->connect } or return broken('no connection', '');
    my $how = pick(('whole') x 6, 'split', 'split', 'abort', 'half');
    my $end = $how eq 'abort' ? int rand(1 + length $raw) : length $raw;
    my @cuts = $how eq 'whole' ? ($end)
             : ((sort { $a <=> $b } map { int rand(1 + $end) } 1 .. 3), $end);
    my $from = 0;

    for my $to (@cuts) {
        $c->send(substr $raw, $from, $to - $from) or last;
        $from = $to;
        select undef, undef, undef, 0.002 if @cuts > 1;
    }

    $requests += @methods;
    if ($how eq 'abort') {
        chance(0.5) ? $c->reset : $c->close;
        return;
    }
    shutdown $c->{sock}, 1 if $how eq 'half';

    # all that comes; an upgraded connection is of no use to us
    my $until = now() + seconds(20);
    my $eof;
    while (now() < $until) {
        my $n = $c->fill($until - now());
        if (!$n) { $eof = defined $n || $!{ECONNRESET}; last }
    }
    broken('the connection was not closed', $raw) if !$eof && now() >= $until;

    my $buf = $c->{buf};
    $c->close;

    # HEAD tells a reader apart only where requests and answers match
    my $head = grep({ $_ eq 'HEAD' } @methods);
    return if $head && @methods > 1;

    while (length $buf) {
        last if $buf !~ m{\AHTTP/1};                     # to HTTP/0.9
        last if $buf =~ m{\AHTTP/1.1 100 [^\n]*\n\r\n\z}; # and no more came
        my ($r, $used) = Totp::Response->parse($buf, eof => 1, head => $head);
        substr $buf, 0, $used, '';
        judge($v, $r, $raw);
        last if $used == 0;
    }

    return;
}


sub judge {
    my ($v, $r, $raw) = @_;

    my $status = $r->status;
    my $type = $r->header('Content-Type') || '';
    my $ours = defined $r->header('Cross-Origin-Opener-Policy')
               || ($r->header('Cache-Control') || '') =~ /immutable/
               || defined $r->header('WWW-Authenticate');
    my $may = $v->{may};
    $seen{$status}++;

    if ($ours ? !$known{$status} : !($nginx{$status} || $status == 200)) {
        return broken("status $status", $raw, $r);
    }

    if ($ours && $type =~ /json/ && length $r->body) {
        my $word = $r->error;
        $words{$word}++ if $word ne '';
        return broken('no JSON', $raw, $r) if !%{ $r->json };
        return broken("word $word with $status", $raw, $r)
            if $status == 200 ? $word ne '' : ($status{$word} || 0) != $status;
        return broken('an error without message', $raw, $r)
            if $status != 200 && !length($r->json->{message} || '');
    }

    if (!$ours && $status == 200 && $r->body eq "through\n") {
        $words{through}++;
        return broken('went through', $raw, $r)
            unless grep { defined && $_ == 2 } values %{ $may->{stage} || {} };
    }

    # the next form takes the token that belongs to the session
    $v->{client}{csrf} = $r->json->{csrf}
        if $type =~ /json/ && defined $r->json->{csrf};
    my $hidden = $type =~ /html/ ? $v->{client}->hidden($r->body, 'csrf') : undef;
    $v->{client}{csrf} = $hidden if defined $hidden;

    for my $cookie (grep { $_->{name} eq 'totp' } $r->set_cookies) {
        session($v, $r, $raw, $cookie->{value});
    }

    return;
}


# What the cookie says, against what was shown for it.

sub session {
    my ($v, $r, $raw, $value) = @_;

    return if $value eq '';

    my ($stage, $method, $user) = decode($value)
        or return broken('a cookie that cannot be read', $raw, $r);
    my $may = $v->{may};

    if ($stage == 0) {
        $v->{client}{jar}{totp} = $value if chance(0.3);
        return;
    }

    my $had = $may->{stage}{$user} || 0;
    my $password = $may->{password}{$user};
    my $code = $may->{code}{$user};
    my $enrolled = $redis->cmd('HEXISTS', "totp:user:{default:$user}", 'secret');

    return broken('a session without a password', $raw, $r)
        if !$had && !$password;
    return broken('full without a code', $raw, $r)
        if $stage == 2 && $method != 0 && $had < 2 && !$code;
    return broken('full, though a code is owed', $raw, $r)
        if $stage == 2 && $method == 0 && $enrolled && $had < 2;

    $words{"stage $stage"}++;

    # the visitor goes on with it
    if ($user eq $v->{user}) {
        $v->{client}{jar}{totp} = $value;
        $v->{stage} = $stage if $stage > $v->{stage};
    }

    return;
}


sub decode {
    my ($value) = @_;

    my $bytes = MIME::Base64::decode_base64($value =~ tr{-_}{+/}r);
    my ($version, $id, $stage, $method) = eval { unpack 'C C/a C C', $bytes };
    return unless defined $method && $version == 1;

    my $at = 2 + length($id) + 2 + 16 + 5 * 8 + 8;
    my ($realm, $user) = eval { unpack "x$at C/a C/a", $bytes };

    return defined $user ? ($stage, $method, $user) : ();
}


sub broken {
    my ($what, $raw, $r) = @_;

    my $file = "build/fuzz/portal-" . @broken;
    mkdir 'build/fuzz';
    spew($file, $raw);
    push @broken, $what;
    print "# $what (seed $seed, run $runs; the bytes are in $file)\n",
        $r ? map({ "#   $_\n" } split /\r?\n/, substr $r->{head} . "\n"
                                               . $r->body, 0, 600) : ();

    return;
}


# Health: what nobody answers for.

sub health {
    my @now = $node->workers;

    broken("workers @workers became @now", '') if "@now" ne "@workers";
    @workers = @now;

    my @bad = $node->complaints;
    broken(join("\n#   ", 'logged:', @bad[0 .. ($#bad < 20 ? $#bad : 20)]), '')
        if @bad;

    return;
}


my $until = time + $seconds;

while (time < $until && @broken < 5) {
    run(pick(@visitors));
    $runs++;

    if ($runs % 25 == 0) {
        my $i = int rand @visitors;
        my $new = visitor(pick(@kinds));
        $visitors[$i] = $new if $new;
    }

    if ($runs % 200 == 0) {
        health();
        # the limits of addresses and pairs are another test's subject
        my @keys = grep { /fail|tries|pair|addr/ } $redis->keys;
        $redis->cmd('DEL', @keys) if @keys;
    }
}

health();
$t->finish;

print "#   runs: $runs, requests: $requests\n";
print "#   answers: ", join(', ', map { "$_: $seen{$_}" } sort keys %seen), "\n";
print "#   seen: ", join(', ', map { "$_: $words{$_}" } sort keys %words), "\n";

ok(!@broken, 'whatever is sent');
ok(($words{$_} || 0) > 0, "$_ was seen")
    for 'through', 'stage 1', 'stage 2', 'bad_csrf', 'bad_code', 'not_found';

done_testing;
