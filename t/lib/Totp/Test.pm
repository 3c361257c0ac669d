package Totp::Test;

# The rig of a test: a directory, a Redis, an application and nginx nodes,
# clients for them, and the checks at the end.  `use Totp::Test;` also brings
# strict, warnings, Test::More and the helpers of Totp::Util.

use strict;
use warnings;

use Exporter ();
use File::Path ();
use File::Temp ();
use Test::More ();

use Totp::App;
use Totp::Client;
use Totp::Nginx;
use Totp::Otp;
use Totp::Redis;
use Totp::Response;
use Totp::Util;

our @EXPORT = qw(is_error is_redirect is_login_page through refused);

my @rigs;


sub import {
    my $class = shift;

    strict->import;
    warnings->import;

    my $to = caller;
    eval "package $to; Test::More->import; Totp::Util->import; 1" or die $@;
    Exporter::export($class, $to, @EXPORT);

    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = $SIG{INT} = sub { exit 130 };

    return;
}


# users      names with passwords of the harness' own making, or a hash of
#            name => password; all {PLAIN} (see also htpasswd)
# server     the body of the server block (see default_server)
# servers    further server blocks, whole
# http, main more lines there
# defaults   the harness' own lines at http level, by name; undef leaves out:
#            redis, keys, password_file, cookie, skew
# before, after   further modules, loaded around the module
# redis      options of Totp::Redis;  start_redis => 0
# nodes      names, or a number; default one node called a; start => 0
# bare       nginx without the module, for the harness' own test
# log        error_log level, default info
# skew       totp_skew, default 3: seven codes at a time, so that tests need
#            not wait for the next step
# allow      patterns of log lines of alert and worse that are expected

sub new {
    my ($class, %o) = @_;

    my $self = bless {
        skew => 3, portal => '/2fa/', owner => $$, passwords => {},
        otps => {}, nodes => {}, order => [], allow => $o{allow} || [],
        %o{qw(server servers http main before after log defaults bare)},
        (defined $o{skew} ? (skew => $o{skew}) : ()),
        (defined $o{portal} ? (portal => $o{portal}) : ()),
    }, $class;

    $self->{dir} = File::Temp::tempdir('totp-t-XXXXXXXX', TMPDIR => 1);
    chmod 0755, $self->{dir};
    push @rigs, $self;

    $self->{users} = [ ref $o{users} eq 'HASH' ? sort keys %{ $o{users} }
                                               : @{ $o{users} || ['alice'] } ];
    for my $name (@{ $self->{users} }) {
        $self->{passwords}{$name} = ref $o{users} eq 'HASH'
            ? $o{users}{$name} : "pw-$name-" . random_hex(8);
        secret_add(password => $self->{passwords}{$name});
    }

    $self->{lines} = { map { ($_ => "{PLAIN}$self->{passwords}{$_}") }
                       @{ $self->{users} } };
    $self->htpasswd;

    $self->keyring('k1' => random_bytes(32));
    $self->{redis} = Totp::Redis->new(dir => $self->{dir}, %{ $o{redis} || {} });
    $self->{redis}->start unless defined $o{start_redis} && !$o{start_redis};
    $self->{app} = Totp::App->new(dir => $self->{dir});

    my $nodes = defined $o{nodes} ? $o{nodes} : 1;
    $nodes = [ ('a' .. 'z')[0 .. $nodes - 1] ] unless ref $nodes;
    for my $name (@$nodes) {
        my $node = $self->add_node($name);
        $node->start unless defined $o{start} && !$o{start};
    }

    return $self;
}


# The password file: `name => line` changes or adds, `name => undef` removes.

sub htpasswd {
    my ($self, %change) = @_;

    for my $name (keys %change) {
        if (defined $change{$name}) {
            $self->{lines}{$name} = $change{$name};
        } else {
            delete $self->{lines}{$name};
        }
    }

    my $path = "$self->{dir}/htpasswd";
    my $text = join '', map { "$_:$self->{lines}{$_}\n" }
                        sort keys %{ $self->{lines} };

    spew("$path.new", $text, 0644);
    rename "$path.new", $path or die $!;

    return $path;
}


# The keyring, in order.

sub keyring {
    my ($self, @pairs) = @_;

    my $text = '';

    while (@pairs) {
        my ($id, $key) = splice @pairs, 0, 2;
        $text .= "$id:" . b64($key) . "\n";
        secret_add(key => b64($key));
    }

    return spew("$self->{dir}/totp.keys", $text, 0600);
}


sub password { my ($self, $user) = @_;
    my $p = $self->{passwords}{$user};
    die "no such user in this test: $user" unless defined $p;
    return $p }

sub set_password { my ($self, $user, $p) = @_;
    $self->{passwords}{$user} = $p; return secret_add(password => $p) }


sub otp {
    my ($self, $user, $otp) = @_;

    $self->{otps}{$user} = $otp if $otp;

    return $self->{otps}{$user};
}


sub default_server {
    return <<'END';
        totp         on;
        totp_issuer  "Example Corp";

        location / {
            proxy_pass        http://%APP%;
            proxy_set_header  X-Forwarded-User $totp_user;
        }

        location /2fa/ {
            totp_portal;
        }

        location /ping {
            totp        off;
            proxy_pass  http://%APP%;
        }
END
}


# The configuration of a node; %o overrides what the rig was made with.

sub conf {
    my ($self, %o) = @_;

    my %c = (%$self, %o);
    my %d = (
        redis => 'totp_redis unix:%DIR%/redis/redis.sock;',
        keys => 'totp_keys %DIR%/totp.keys;',
        password_file => 'totp_password_file %DIR%/htpasswd;',
        cookie => 'totp_cookie totp secure=off;',
        skew => "totp_skew $c{skew};",
        %{ $c{defaults} || {} },
    );
    %d = () if $c{bare};
    my $lines = join '', map { "    $d{$_}\n" } grep { defined $d{$_} }
                         qw(redis keys password_file cookie skew),
                         grep { !/^(?:redis|keys|password_file|cookie|skew)$/ }
                              sort keys %d;
    my $load = '';

    for my $m (@{ $c{before} || [] },
               ($c{bare} ? () : Totp::Nginx::module()),
               @{ $c{after} || [] })
    {
        $load .= "load_module $m;\n";
    }

    my $user = $> == 0 ? "user root;\n" : '';
    my $main = $c{main} || '';

    # for an nginx that is started by nginx, at an upgrade
    $main .= join '', map { "env $_;\n" } grep { defined $ENV{$_} }
                      qw(ASAN_OPTIONS UBSAN_OPTIONS);

    my $http = $c{http} || '';
    my $server = defined $c{server} ? $c{server} : $self->default_server;
    my $servers = $c{servers} || '';
    my $level = $c{log} || $ENV{TOTP_LOG} || 'info';

    return <<"END";
$load$user
worker_processes 2;
pid %PREFIX%/nginx.pid;
lock_file %PREFIX%/nginx.lock;
error_log %PREFIX%/error.log $level;
working_directory %PREFIX%;
$main
events {
    worker_connections 2048;
}

http {
    access_log             %PREFIX%/access.log;
    client_body_temp_path  %PREFIX%/client_body;
    proxy_temp_path        %PREFIX%/proxy;
    fastcgi_temp_path      %PREFIX%/fastcgi;
    uwsgi_temp_path        %PREFIX%/uwsgi;
    scgi_temp_path         %PREFIX%/scgi;

$lines
$http
    server {
        listen       127.0.0.1:%PORT%;
        server_name  localhost;

$server
    }
$servers
}
END
}


sub add_node {
    my ($self, $name, %o) = @_;

    my $node = Totp::Nginx->new(name => $name, rig => $self,
                                conf => $self->conf(%o));
    $self->{nodes}{$name} = $node;
    push @{ $self->{order} }, $name;

    return $node;
}


sub node {
    my ($self, $name) = @_;

    return $self->{nodes}{ defined $name ? $name : $self->{order}[0] };
}


# nginx -t of a configuration of its own: exit status and output.

sub config_test {
    my ($self, %o) = @_;

    my $node = Totp::Nginx->new(name => 'conftest', rig => $self,
                                conf => $self->conf(%o));

    return $node->check;
}


sub redis { return $_[0]{redis} }

sub app { return $_[0]{app} }

sub dir { return $_[0]{dir} }


# node => name, port => name of a %PORT_name%, ip, host, tls, portal

sub client {
    my ($self, %o) = @_;

    my $node = $self->node(delete $o{node});
    my $port = $node->port(delete $o{port});

    return Totp::Client->new(rig => $self, portal => $self->{portal},
                             port => $port, %o);
}


# After Redis was away: until every worker of every node has its connection
# again, and worker 0 its feed.  A visitor meets one worker or the other, so
# trying would not tell.  A Redis that wakes up first answers all that was
# given up meanwhile, so what counts is there at two looks.

sub connected {
    my ($self) = @_;

    my $nodes = keys %{ $self->{nodes} };
    my $want = $nodes;
    $want += $_->want for values %{ $self->{nodes} };

    my %before;

    return wait_until(sub {
        my %greeted = map { /\bid=(\d+)/ ? ($1 => 1) : () }
                      grep { /cmd=(?:eval|evalsha|ping|time|xread|xrange)\b/ }
                      eval { $self->redis->clients };
        my $still = grep { $before{$_} } keys %greeted;
        %before = %greeted;
        return $still >= $want;
    }, 20, 0.1);
}


# Descriptors and Redis clients once everything has settled.

sub settled {
    my ($self, %want) = @_;

    my ($fd, $clients);

    wait_until(sub {
        $fd = 0;
        $fd += $self->{nodes}{$_}->descriptors for keys %{ $self->{nodes} };
        $clients = () = $self->redis->clients;
        return %want ? $fd <= $want{fd} && $clients <= $want{clients} : 1;
    }, 10, 0.1);

    return { fd => $fd, clients => $clients };
}


# Where any secret of this test shows up in a text; the kinds that are not to
# be looked for may be named.  Six digits also occur by chance: tests of this
# use codes of eight.

sub leaks {
    my ($self, $text, %o) = @_;

    my %skip = map { ($_ => 1) } @{ $o{skip} || [] };
    my @found;

    for (secrets()) {
        my ($kind, $value) = @$_;

        next if $skip{$kind} || length $value < 6;

        my %forms = ($value => 1, uri_escape($value) => 1, b64($value) => 1);
        if ($kind eq 'backup') {
            (my $bare = $value) =~ s/-//g;
            $forms{$bare} = $forms{uc $bare} = $forms{uc $value} = 1;
        }
        if ($kind eq 'secret') {
            (my $four = $value) =~ s/(....)(?=.)/$1 /g;
            my $raw = base32_decode($value);
            $forms{lc $value} = $forms{$four} = $forms{$raw} = 1;
            $forms{unpack 'H*', $raw} = $forms{b64($raw)} = 1;
        }
        if ($kind eq 'key') {
            my $raw = MIME::Base64::decode_base64($value);
            $forms{$raw} = $forms{unpack 'H*', $raw} = 1;
        }
        if ($kind eq 'code') {
            delete $forms{b64($value)};
        }

        for my $form (keys %forms) {
            my $at = index $text, $form;
            next if $at < 0;
            if ($kind eq 'code') {
                next unless $text
                    =~ /(?<![0-9A-Za-z.])\Q$form\E(?![0-9A-Za-z])/;
                $at = $-[0];
            }
            push @found, "$kind at $at: ..."
                . substr($text, $at > 60 ? $at - 60 : 0, 140);
            last;
        }
    }

    return @found;
}


sub base32_decode {
    my ($s) = @_;

    my $bits = '';
    for my $c (split //, uc $s) {
        my $i = index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $c;
        $bits .= sprintf '%05b', $i if $i >= 0;
    }

    return pack 'B*', substr $bits, 0, length($bits) - length($bits) % 8;
}


# The end of every test: nginx leaves within ten seconds, the logs are clean,
# Redis has no client of ours left.

sub finish {
    my ($self) = @_;

    for my $name (@{ $self->{order} }) {
        my $node = $self->{nodes}{$name};
        next unless $node->{pid};
        Test::More::ok($node->quit, "node $name: gone within ten seconds");
        Test::More::is($node->{status}, 0, "node $name: exit status");
    }

    for my $name (@{ $self->{order} }) {
        my @bad = $self->{nodes}{$name}->complaints(@{ $self->{allow} });
        Test::More::is(scalar @bad, 0, "node $name: logs are clean")
            or Test::More::diag(join "\n", @bad[0 .. ($#bad < 9 ? $#bad : 9)]);
    }

    if ($self->redis->{pid}) {
        my @left;
        wait_until(sub { !(@left = $self->redis->clients) }, 3, 0.1);
        Test::More::is(scalar @left, 0, 'no client of Redis is left')
            or Test::More::diag(join "\n", @left);
    }

    $self->{finished} = 1;

    return;
}


# An error by JSON: status, word, and a message; 401 with the challenge.

sub is_error {
    my ($r, $status, $word, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $got = $r->status . ' ' . $r->error;
    my $ok = Test::More::is($got, "$status $word", $name);

    if (!$ok) {
        Test::More::diag(substr $r->{head} . "\n\n" . $r->body, 0, 1500);
        return $ok;
    }

    my $message = $r->json->{message};
    my $challenge = $r->header('WWW-Authenticate');

    $ok = Test::More::fail("$name: the error has no message")
        if !defined $message || $message eq '';
    $ok = Test::More::fail("$name: the 401 has no TOTP challenge")
        if $status == 401
           && (!defined $challenge || $challenge !~ /\ATOTP realm="[^"]*"\z/);
    $ok = Test::More::fail("$name: no Retry-After")
        if $status == 503
           && ($r->header('Retry-After') || '') !~ /\A[1-9]\d*\z/;

    return $ok;
}


# 303 to an address, and what `next` says there when given.

sub is_redirect {
    my ($r, $path, $next, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $got = $r->status . ' ' . $r->target_path;
    my $want = "303 $path";

    if (defined $next) {
        my $n = $r->target_next;
        $got .= ' next=' . (defined $n ? $n : '(none)');
        $want .= " next=$next";
    }

    return Test::More::is($got, $want, $name)
        || (Test::More::diag(substr $r->{head}, 0, 800), 0)[1];
}


sub is_login_page {
    my ($r, $status, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return Test::More::ok(
        $r->status == $status
        && ($r->header('Content-Type') || '') =~ m{\Atext/html}
        && $r->body =~ /<form\b/ && $r->body =~ /name="password"/, $name)
        || (Test::More::diag($r->{head} . "\n" . substr $r->body, 0, 400), 0)[1];
}


# The request reached the application.

sub through {
    my ($r, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return Test::More::ok($r->status == 200 && defined $r->json->{method}, $name)
        || (Test::More::diag(substr $r->{head} . "\n\n" . $r->body, 0, 600),
            0)[1];
}


sub refused {
    my ($r, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return Test::More::is($r->status, 401, $name)
        || (Test::More::diag(substr $r->{head} . "\n\n" . $r->body, 0, 600),
            0)[1];
}


# Order matters at the end: nginx first, then Redis, then the directory.

END {
    my $status = $?;

    for my $self (@rigs) {
        next if $self->{owner} != $$;
        $_->kill_hard for values %{ $self->{nodes} };
        if ($self->redis) { $self->redis->monitor_end; $self->redis->stop }
        $self->app->stop if $self->app;

        if ($ENV{TOTP_KEEP} || (!$self->{finished} && $ENV{TOTP_DEBUG})) {
            print STDERR "# kept: $self->{dir}\n";
        } else {
            File::Path::remove_tree($self->{dir});
        }
    }

    $? = $status;
}


1;
